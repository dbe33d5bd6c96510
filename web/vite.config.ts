import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const COMPRESSED = /\.(?:css|html|js|json|mjs|svg|wasm|webmanifest)$/;

/** Tells the service worker what this build is called, and which files are of it. */
function namedBuild(): Plugin {
  return {
    name: "hygieia-named-build",
    apply: "build",
    writeBundle({ dir }) {
      const assets = readdirSync(join(dir!, "assets")).sort().map((name) => `/assets/${name}`);
      const build = createHash("sha256").update(assets.join("\n")).digest("hex").slice(0, 16);
      const path = join(dir!, "service-worker.js");
      let script = readFileSync(path, "utf8");
      for (const [name, value] of Object.entries({ HYGIEIA_BUILD: build, HYGIEIA_ASSETS: assets })) {
        if (script.split(name).length !== 2) throw new Error(`The service worker names ${name} not once.`);
        script = script.replace(name, JSON.stringify(value));
      }
      writeFileSync(path, script);
    },
  };
}

/** Has the colours chosen last time set before anything is painted: by a script, which the page waits for. */
function coloursFirst(): Plugin {
  return {
    name: "hygieia-colours-first",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_page, { bundle }) {
        const found = Object.values(bundle!).find(({ name }) => name === "first-colours");
        if (found?.type !== "chunk" || found.imports.length > 0) throw new Error("first-colours is no script that stands alone.");
        return [{ tag: "script", attrs: { src: `/${found.fileName}` }, injectTo: "head-prepend" }];
      },
    },
  };
}

/** Writes each text of the bundle once more, compressed, so that the server need not do it. */
function compressed(): Plugin {
  return {
    name: "hygieia-compressed",
    apply: "build",
    writeBundle({ dir }, bundle) {
      const names = new Set([...Object.keys(bundle), ...readdirSync(dir!)]);
      for (const name of names) {
        const path = join(dir!, name);
        if (!COMPRESSED.test(name) || !statSync(path).isFile()) continue;
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

// The bundle is package data of the Python server, which serves it (docs/guide: make run).
export default defineConfig({
  // In this order: what is compressed is what was written last.
  plugins: [svelte(), coloursFirst(), namedBuild(), compressed()],
  // Addresses inside the app are paths: assets are named from the root.
  base: "/",
  build: {
    outDir: "../hygieia/web_dist",
    emptyOutDir: true,
    target: "es2022",
    // data: addresses and inline scripts are refused by the policy the server sends.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: {
        index: "index.html",
        "first-colours": "src/app/first-colours.ts",
        "service-worker": "src/service-worker/main.ts",
        "service-worker-aside": "src/service-worker/aside.ts",
      },
      output: {
        // A service worker's address must stay the same: it is how browsers see a new one.
        entryFileNames: (chunk) =>
          chunk.name.startsWith("service-worker") ? "[name].js" : "assets/[name]-[hash].js",
      },
    },
  },
  worker: {
    format: "es",
    // By this name the server knows which scripts may reach gateways (hygieia/server/web_app.py).
    rollupOptions: { output: { entryFileNames: "assets/worker-[name]-[hash].js" } },
  },
  server: { proxy: { "/api": "http://localhost:8460", "/ipfs": "http://localhost:8460" } },
  test: {
    // OpenPGP.js has its light build for browsers alone; under Node the whole one is the same code.
    alias: { "openpgp/lightweight": "openpgp" },
    include: ["tests/unit/**/*.test.ts"],
    environment: "node",
    // Stretching a password takes a second of a core, and a busy machine many times that.
    testTimeout: 180_000,
  },
});
