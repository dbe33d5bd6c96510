import { defineConfig } from "vitest/config";

// The built bundle in Chromium against a server on MongoDB and Kubo, and the page's own code beside sq: `make test-servers`.
export default defineConfig({
  test: {
    alias: { "openpgp/lightweight": "openpgp" },
    include: ["tests/servers/**/*.test.ts"],
    environment: "node",
    testTimeout: 180_000,
    hookTimeout: 240_000,
    fileParallelism: false,
  },
});
