import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import type { Files } from "../config/files.ts";

/** The file system, for config/. */
export const files: Files = {
  read(path, limit) {
    try {
      return limit === undefined ? readFileSync(path) : readStart(path, limit);
    } catch {
      return undefined;
    }
  },
  kind(path) {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : stat.isDirectory() ? "folder" : "file";
  },
};

function readStart(path: string, limit: number): Uint8Array {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(limit);
    return bytes.subarray(0, readSync(fd, bytes, 0, limit, 0));
  } finally {
    closeSync(fd);
  }
}
