import { dirname, join } from "node:path";
import type { PathKind } from "../util/regular-file.ts";
import { remembered, rememberedPair } from "../util/remember.ts";

/** Access to files. Only regular files are read. It is passed in, so that config/ stays pure. Paths are absolute. */
export type Files = {
  /** The first `limit` bytes of a file, or all; undefined if there is no readable file. */
  read(path: string, limit?: number): Uint8Array | undefined;
  /** The size of a file in bytes. */
  size(path: string): number | undefined;
  kind(path: string): PathKind | undefined;
  /** The names in a folder; empty if there is no readable folder. */
  list(path: string): readonly string[];
};

/** The nearest parent folder of a YAML file that contains package.json or experiments/; the file's folder if there is none. */
export function projectRoot(file: string, files: Files): string {
  const own = dirname(file);
  for (let folder = own; ; folder = dirname(folder)) {
    if (files.kind(join(folder, "package.json")) === "file" || files.kind(join(folder, "experiments")) === "folder") {
      return folder;
    }
    if (folder === dirname(folder)) return own;
  }
}

/**
 * Caches reads: a thousand sweep points name the same few files. An invalid path (it contains NUL, is too long, is not readable)
 * counts as a path without a file.
 */
export function remembering(files: Files): Files {
  const kind = remembered((path: string) => attempt(() => files.kind(path)));
  const size = remembered((path: string) => attempt(() => files.size(path)));
  const list = remembered((path: string) => attempt(() => files.list(path)) ?? []);
  const read = rememberedPair((path: string, limit: number | undefined) => attempt(() => files.read(path, limit)));
  return { kind, size, list, read: (path, limit) => read(path, limit) };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
