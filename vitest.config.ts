import { defineConfig } from "vitest/config";

/** `cli` drives the built command line, which is built and installed once; `unit` needs neither. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 600_000,
    projects: [
      { extends: true, test: { name: "unit", include: ["runner/**/*.test.ts"], exclude: ["runner/test/**"] } },
      {
        extends: true,
        test: { name: "cli", include: ["runner/test/*.test.ts"], globalSetup: "runner/test/package.ts" },
      },
    ],
  },
});
