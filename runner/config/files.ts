import { dirname, join } from "node:path";

/** All that the front sees of the disk: passed in, so that this room stays pure. Paths are absolute. */
export type Files = {
  /** The first `limit` bytes of a file (all without it); undefined where there is no readable file. */
  read(path: string, limit?: number): Uint8Array | undefined;
  kind(path: string): "file" | "folder" | undefined;
};

/** The nearest folder above a YAML file that holds package.json or experiments/, else the file's own folder. */
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
 * A reader that asks the disk for each path once: a thousand sweep points name the same few files. A path that cannot be one (a
 * NUL in it, too long, no permission) is a path where nothing is.
 */
export function remembering(files: Files): Files {
  const reads = new Map<string, Uint8Array | undefined>();
  const kinds = new Map<string, "file" | "folder" | undefined>();
  return {
    read(path, limit) {
      const key = `${limit ?? ""}:${path}`;
      if (!reads.has(key))
        reads.set(
          key,
          attempt(() => files.read(path, limit)),
        );
      return reads.get(key);
    },
    kind(path) {
      if (!kinds.has(path))
        kinds.set(
          path,
          attempt(() => files.kind(path)),
        );
      return kinds.get(path);
    },
  };
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
