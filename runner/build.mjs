/** Bundles runner/ into dist/: an entry that starts fast, the rest in chunks that load when a command needs them. */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { precompiledValidators } from "./config/precompile.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { cli: "runner/cli.ts" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  // Names stay: a stack trace then tells where a bug is, and esbuild's `keepNames` would cost a call for each closure.
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
    "vega",
    "vega-lite",
  ],
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  plugins: [precompiledValidators()],
  logLevel: "warning",
});

// What pages run in a browser: one file that each page takes in whole.
await build({
  absWorkingDir: root,
  entryPoints: { page: "runner/reporting/browser/page.ts" },
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
