/**
 * Compiles the JSON Schemas at build time: an esbuild plugin that puts ajv's generated code in the place of validator.ts, so that
 * the command line starts without ajv. The schemas are read from the same source that tests validate with.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));

/** Run in a bundle of its own, since Node cannot import TypeScript in every version that builds exp. */
const compiler = `
  import standalone from "ajv/dist/standalone/index.js";
  import { ajv, validateExperiment, validateSweep } from "./validator.ts";
  ajv.addSchema(validateExperiment.schema, "experiment");
  ajv.addSchema(validateSweep.schema, "sweep");
  const write = standalone.default ?? standalone;
  export const code = write(ajv, { validateExperiment: "experiment", validateSweep: "sweep" });
`;

/** Source text of a module that exports validateExperiment and validateSweep. */
async function compileValidators() {
  const bundled = await build({
    stdin: { contents: compiler, loader: "js", resolveDir: folder },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
  });
  const { code } = await import(
    `data:text/javascript;base64,${Buffer.from(bundled.outputFiles[0].text).toString("base64")}`
  );
  // Its names are ajv's and tell nobody anything.
  return (await transform(code, { minify: true })).code;
}

/** The esbuild plugin. */
export function precompiledValidators() {
  return {
    name: "precompiled-validators",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]config[\\/]validator\.ts$/ }, async () => ({
        contents: await compileValidators(),
        loader: "js",
        resolveDir: folder,
      }));
    },
  };
}
