import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fsyncPath } from "./fsync.ts";
import { isInside } from "./inside.ts";
import { UserError } from "./user-error.ts";

/**
 * A path next to a file for its draft. In a folder that other users can write to, a path that they can guess may be a link to
 * any file of this user.
 */
export const draftOf = (path: string): string => `${path}.${randomBytes(6).toString("hex")}.partial`;

/**
 * Replaces a file by one rename: readers see the old content or the new content, never a part. Writes a draft in the same folder
 * first. With `flush`, the content is on the disk before the rename, and the new name is on the disk after it. So the
 * file survives a power failure. Evidence is written with `flush`. Throws the system's error and removes the draft.
 */
export function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  { flush = false }: { readonly flush?: boolean } = {},
): void {
  const draft = draftOf(path);
  try {
    writeFileSync(draft, content, { flag: "wx", flush });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  if (flush) fsyncPath(dirname(path));
}

/**
 * Writes a file at a path below a folder, whose parents it makes. Replaces a link at this path and follows no link that leaves
 * the folder. Throws UserError `path-outside`.
 */
export function writeFileInside(folder: string, name: string, content: string | Uint8Array): void {
  const path = resolve(folder, name);
  if (path === resolve(folder) || !isInside(dirname(path), folder)) {
    throw new UserError("path-outside", `cannot write ${name}: the path leaves ${folder}`, {
      help: "write into a new folder",
      status: "refused",
    });
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileAtomic(path, content);
}
