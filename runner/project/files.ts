import { readdirSync, statSync } from "node:fs";
import type { Files } from "../config/files.ts";
import { pathKind, readStart } from "../util/regular-file.ts";

/** Bytes that are read of a file without a limit of its own. */
const defaultLimit = 16 * 2 ** 20;

/** The file system, for config/. */
export const files: Files = {
  read(path, limit) {
    try {
      return readStart(path, limit ?? defaultLimit);
    } catch {
      return undefined;
    }
  },
  size: (path) => statSync(path, { throwIfNoEntry: false })?.size,
  kind: pathKind,
  list(path) {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  },
};
