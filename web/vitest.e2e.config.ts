import { defineConfig } from "vitest/config";

// The built bundle in Chromium against a real server: `make test-browser`.
export default defineConfig({
  test: {
    include: ["tests/e2e/**/*.test.ts"],
    environment: "node",
    testTimeout: 180_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
    // A page is laid out late on a busy machine: a second, the default, is too little.
    expect: { poll: { timeout: 15_000, interval: 100 } },
  },
});
