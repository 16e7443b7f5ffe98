import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fsyncPath } from "./fsync.ts";

let drafts = 0;

/**
 * Replaces a file by one rename: readers see the old content or the new content, never a part. Writes NAME.PID.N.partial in the same
 * folder first. With `flush`, the content is on the disk before the rename, and the new name is on the disk after it. So the
 * file survives a power failure. Evidence is written with `flush`. Throws the system's error and removes the draft.
 */
export function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  { flush = false }: { readonly flush?: boolean } = {},
): void {
  const draft = `${path}.${process.pid}.${drafts++}.partial`;
  try {
    writeFileSync(draft, content, { flush });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  if (flush) fsyncPath(dirname(path));
}
