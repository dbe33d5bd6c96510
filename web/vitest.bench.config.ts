import { defineConfig } from "vitest/config";

// Measures in Chromium and prints; nothing here passes or fails. `npx vitest run -c vitest.bench.config.ts`.
export default defineConfig({
  test: {
    include: ["bench/**/*.test.ts"],
    environment: "node",
    testTimeout: 300_000,
    hookTimeout: 240_000,
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
});
