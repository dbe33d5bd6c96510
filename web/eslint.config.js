import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

// Who may import whom (docs/adr, ARCHITECTURE): the screens know the engine's interface alone, and
// only `crypto` touches the libraries that handle keys.
const KEY_LIBRARIES = ["openpgp", "openpgp/*", "hash-wasm"];
const PAGE = ["app", "features", "i18n", "ui"];
const INSIDE = ["api", "crypto", "ipld", "vault", "worker"];

const folders = (names) => names.map((name) => `**/${name}/**`);

function mayNotImport(files, names, packages, message) {
  const patterns = [];
  if (names.length > 0) patterns.push({ group: folders(names), message });
  if (packages.length > 0) patterns.push({ group: packages, message: "Only src/crypto handles keys." });
  return { files, rules: { "no-restricted-imports": ["error", { patterns }] } };
}

export default ts.config(
  { ignores: ["node_modules", "dist"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.worker } },
    rules: {
      // Indexing of bytes that were just measured; `!` says so.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: { "no-undef": "off", "svelte/no-at-html-tags": "error" },
  },
  mayNotImport(
    PAGE.map((name) => `src/${name}/**`),
    INSIDE,
    KEY_LIBRARIES,
    "Screens reach the vault through src/engine only.",
  ),
  mayNotImport(
    ["src/engine/**"],
    [...PAGE, "api", "crypto", "ipld", "vault"],
    KEY_LIBRARIES,
    "The engine's face starts the worker and knows nothing else.",
  ),
  mayNotImport(["src/crypto/**"], [...PAGE, "api", "vault", "worker"], [], "crypto knows no vault."),
  mayNotImport(["src/ipld/**"], [...PAGE, "api", "crypto", "vault", "worker"], KEY_LIBRARIES, "ipld is pure."),
  mayNotImport(["src/vault/**"], [...PAGE, "api", "worker"], KEY_LIBRARIES, "vault does no I/O."),
  mayNotImport(["src/api/**"], [...PAGE, "crypto", "vault", "worker"], KEY_LIBRARIES, "api carries ciphertext."),
  mayNotImport(["src/worker/**"], PAGE, KEY_LIBRARIES, "The worker shows nothing."),
  {
    files: ["tests/**", "bench/**", "*.config.*"],
    languageOptions: { globals: globals.node },
    rules: { "no-console": "off" },
  },
);
