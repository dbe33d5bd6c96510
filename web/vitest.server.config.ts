import { defineConfig } from "vitest/config";

// The engine under Node against a real server: needs the repository's .venv, no browser.
export default defineConfig({
  test: {
    alias: { "openpgp/lightweight": "openpgp" },
    include: ["tests/server/**/*.test.ts"],
    environment: "node",
    // Generous: two cores may be shared with everything else.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Each file has its own `fetch` and `indexedDB` for the browsers in it.
    pool: "forks",
  },
});
