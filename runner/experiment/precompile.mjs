/**
 * Compiles the JSON Schemas at build time: an esbuild plugin that puts ajv's generated code in the place of validator.ts, so that
 * the command line starts without ajv. The schemas are read from the same source that tests validate with.
 */
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import standalone from "ajv/dist/standalone/index.js";
import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));

/** Source text of a module that exports validateExperiment and validateSweep. */
export async function compileValidators() {
  const bundled = await build({
    entryPoints: [join(folder, "validator.ts")],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    external: ["ajv"],
  });
  const file = join(folder, `.validator-${process.pid}.mjs`);
  try {
    writeFileSync(file, bundled.outputFiles[0].text);
    const { ajv, validateExperiment, validateSweep } = await import(pathToFileURL(file).href);
    ajv.addSchema(validateExperiment.schema, "experiment");
    ajv.addSchema(validateSweep.schema, "sweep");
    return standalone.default(ajv, { validateExperiment: "experiment", validateSweep: "sweep" });
  } finally {
    rmSync(file, { force: true });
  }
}

/** The esbuild plugin. */
export function precompiledValidators() {
  return {
    name: "precompiled-validators",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]experiment[\\/]validator\.ts$/ }, async () => ({
        contents: await compileValidators(),
        loader: "js",
        resolveDir: folder,
      }));
    },
  };
}
