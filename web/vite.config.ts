import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The bundle is package data of the Python server, which serves it (docs/guide: make run).
export default defineConfig({
  plugins: [svelte()],
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
      input: { index: "index.html", "service-worker": "src/service-worker/main.ts" },
      output: {
        // A service worker's address must stay the same: it is how browsers see a new one.
        entryFileNames: (chunk) =>
          chunk.name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js",
      },
    },
  },
  worker: { format: "es" },
  server: { proxy: { "/api": "http://localhost:8460", "/ipfs": "http://localhost:8460" } },
  test: {
    // OpenPGP.js has its light build for browsers alone; under Node the whole one is the same code.
    alias: { "openpgp/lightweight": "openpgp" },
    include: ["tests/unit/**/*.test.ts"],
    environment: "node",
  },
});
