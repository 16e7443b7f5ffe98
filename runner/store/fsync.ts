import { close, fsync, open } from "node:fs";
import { promisify } from "node:util";

/** As many at once as let a journal write several in one go. */
const AT_ONCE = 8;
const [openAsync, fsyncAsync, closeAsync] = [promisify(open), promisify(fsync), promisify(close)];

/** Waits until files' bytes and folders' entries are on the disk. Throws what the system says, a full disk included. */
export async function flushAll(paths: readonly string[]): Promise<void> {
  const waiting = paths.values();
  const work = async () => {
    for (const path of waiting) await flush(path);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, paths.length) }, work));
}

async function flush(path: string): Promise<void> {
  const fd = await openAsync(path, "r");
  try {
    await fsyncAsync(fd);
  } catch (error) {
    // Some network filesystems cannot flush a folder, and need not.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await closeAsync(fd);
  }
}
