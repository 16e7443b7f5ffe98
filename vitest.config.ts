import { defineConfig } from "vitest/config";

/** `cli` drives the built command line, which is built and installed once; `unit` needs neither. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 600_000,
    setupFiles: "runner/testing/register-built-ins.ts",
    projects: [
      { extends: true, test: { name: "unit", include: ["runner/**/*.test.ts"], exclude: ["runner/testing/**"] } },
      {
        extends: true,
        test: {
          name: "cli",
          // Each run of a real trainer starts several Python programs: on a busy machine that alone takes a minute.
          testTimeout: 300_000,
          include: ["runner/testing/*.test.ts"],
          globalSetup: "runner/testing/package.ts",
        },
      },
    ],
  },
});
