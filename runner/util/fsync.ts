import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

/** Errors of filesystems that cannot flush a file or folder, and need not. */
const unsupported: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/** Whether an error of fsync means that the filesystem does not support it. */
export const isUnsupportedFlush = (error: unknown): boolean =>
  unsupported.has((error as NodeJS.ErrnoException | undefined)?.code);

/** Returns once the bytes of a file or the entries of a folder are on the disk. Throws the system's error. */
export function fsyncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } catch (error) {
    if (!isUnsupportedFlush(error)) throw error;
  } finally {
    closeSync(fd);
  }
}

/** Makes a folder and its missing parents, and flushes the name of each new one. */
export function makeFolderDurably(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    fsyncPath(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}
