import { close, fsync, open } from "node:fs";
import { promisify } from "node:util";
import { isUnsupportedFlush } from "../util/fsync.ts";

/** Parallel calls let a journalling filesystem combine several writes. */
const concurrency = 8;
const [openAsync, fsyncAsync, closeAsync] = [promisify(open), promisify(fsync), promisify(close)];

/** Resolves when the bytes of files and the entries of folders are on the disk. Throws the system's error. */
export async function fsyncAll(paths: readonly string[]): Promise<void> {
  const { default: PQueue } = await import("p-queue");
  await new PQueue({ concurrency }).addAll(paths.map((path) => () => fsyncPath(path)));
}

async function fsyncPath(path: string): Promise<void> {
  const fd = await openAsync(path, "r");
  try {
    await fsyncAsync(fd);
  } catch (error) {
    if (!isUnsupportedFlush(error)) throw error;
  } finally {
    await closeAsync(fd);
  }
}
