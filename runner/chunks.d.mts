import type { Metafile, Plugin } from "esbuild";

export function fewerChunks(metafile: Metafile, root: string, groups: readonly (readonly string[])[]): Plugin;
