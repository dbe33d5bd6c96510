import { defineConfig } from "vitest/config";

// Needs Chromium: `make screens` and `make test-browser`, not `make test`.
export default defineConfig({
  test: {
    include: ["tests/screens/**/*.test.ts"],
    // Pictures are for people: scripts/screens asks for them.
    exclude: process.env.SCREENS === undefined ? ["tests/screens/pictures.test.ts"] : [],
    globalSetup: "tests/screens/serve.ts",
    environment: "node",
    testTimeout: 120_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
    // A page is laid out late on a busy machine: a second, the default, is too little.
    expect: { poll: { timeout: 15_000, interval: 100 } },
  },
});
