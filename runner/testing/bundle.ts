import { basename, join } from "node:path";
import { build } from "esbuild";

/** Bundles a TypeScript program into `<folder>/<name>.mjs`, which a child process of any supported Node runs. */
export async function bundle(entry: string, folder: string): Promise<string> {
  const outfile = join(folder, `${basename(entry, ".ts")}.mjs`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    logLevel: "error",
  });
  return outfile;
}
