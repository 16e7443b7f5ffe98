/**
 * Compiles the JSON Schemas of the built-in implementations at build time: an esbuild plugin that replaces precompiled.ts by the
 * code that ajv generates, so that the command line starts without ajv.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));

/** Runs in a separate bundle, because not every Node version that builds exp can import TypeScript. */
const compiler = `
  import { Ajv } from "ajv";
  import standalone from "ajv/dist/standalone/index.js";
  import { registerBuiltIns } from "../plugins/built-in.ts";
  import { ajvOptions } from "./ajv-options.ts";
  import { currentSweepSchema, experimentSchema, registeredNames } from "./schema.ts";
  registerBuiltIns();
  const ajv = new Ajv({ ...ajvOptions, code: { source: true, esm: true } });
  ajv.addSchema(experimentSchema(), "experiment");
  ajv.addSchema(currentSweepSchema(), "sweep");
  const write = standalone.default ?? standalone;
  const validators = write(ajv, { validateExperiment: "experiment", validateSweep: "sweep" });
  const names = JSON.stringify(registeredNames());
  export const code = validators + ";export const precompiled = { names: " + names + ", validateExperiment, validateSweep };";
`;

/** Source text of a module that exports `precompiled`. */
async function compileValidators() {
  const bundled = await build({
    stdin: { contents: compiler, loader: "js", resolveDir: folder },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    packages: "bundle",
    // A CommonJS package in the bundle (yaml) requires modules of Node.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire("file:///");' },
    logLevel: "silent",
  });
  const { code } = await import(
    `data:text/javascript;base64,${Buffer.from(bundled.outputFiles[0].text).toString("base64")}`
  );
  return (await transform(code, { minify: true })).code;
}

/** The esbuild plugin. */
export function precompiledValidators() {
  return {
    name: "precompiled-validators",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]config[\\/]precompiled\.ts$/ }, async () => ({
        contents: await compileValidators(),
        loader: "js",
        resolveDir: folder,
      }));
    },
  };
}
