/** Bundles runner/ into dist/: a small entry, and chunks that a command loads when it needs them. */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { fewerChunks } from "./chunks.mjs";
import { precompiledValidators } from "./config/precompile.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
/** @type {import("esbuild").BuildOptions} */
const commandLine = {
  absWorkingDir: root,
  entryPoints: { cli: "runner/cli.ts" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  // Identifiers are not minified, so that stack traces are readable. esbuild's `keepNames` would cost a call for each closure.
  minifySyntax: true,
  minifyWhitespace: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  chunkNames: "chunks/[name]-[hash]",
  sourcemap: true,
  sourcesContent: false,
  external: [
    "@aws-sdk/client-s3",
    "exceljs",
    "@huggingface/hub",
    "@myriaddreamin/typst-ts-node-compiler",
    "undici",
    "vega",
    "vega-lite",
  ],
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  plugins: [precompiledValidators()],
  logLevel: "warning",
};
const { metafile } = await build({ ...commandLine, write: false, metafile: true });
const together = fewerChunks(metafile, root, [
  ["init", "ls", "status"].map((name) => `runner/commands/${name}.ts`),
  ["runner/commands/plan.ts", "runner/commands/run.ts", "runner/plugins/built-in.ts"],
]);
await build({ ...commandLine, plugins: [...commandLine.plugins, together] });

// The scripts of HTML pages: each page includes the first one, pages with charts also the second one.
await build({
  absWorkingDir: root,
  entryPoints: { page: "runner/reporting/browser/page.ts", dashboard: "runner/reporting/browser/dashboard.ts" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "iife",
  platform: "browser",
  target: "es2022",
  tsconfig: "runner/reporting/browser/tsconfig.json",
  charset: "ascii",
  logLevel: "warning",
});
