import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, rmdir, stat, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { fileChanged } from "../../store/digest.ts";
import { isUnsupportedFlush } from "../../util/fsync.ts";
import { notRegular } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";
import { maxTextBytes, textTooLarge } from "./limits.ts";
import type { RemoteStore } from "./remote-store.ts";

/** Bytes copied between two checks of the signal. */
const chunkSize = 4 << 20;
/** The file that marks a folder as a mirror. It is missing while the disk is not mounted. */
const markerFile = "exp-mirror.json";

/**
 * A remote store in a folder on another disk. The disk may be slow, have no links, ignore the case of names, rename within a
 * folder only, and truncate a file when its connection is lost. So names are lower-case, a file gets its name when it is
 * complete, and a file that is read back must match its digest.
 */
export class DiskStore implements RemoteStore {
  readonly folder: string;
  readonly #signal: AbortSignal;

  constructor(folder: string, signal: AbortSignal) {
    this.folder = folder;
    this.#signal = signal;
  }

  /** Makes the folder and marks it as a mirror. Its parent must exist, since that shows that the disk is mounted. */
  async create(): Promise<void> {
    await mkdir(this.folder).catch(ignoreExisting);
    const text = `${JSON.stringify({ schema: 1, note: "exp writes and reads these files. Do not edit them." })}\n`;
    if ((await this.readText(markerFile)) === undefined) await this.writeText(markerFile, text);
  }

  /** Throws UserError mirror-missing if the marker is missing: the disk is not mounted, and writes would go to another disk. */
  async check(): Promise<void> {
    if ((await this.readText(markerFile)) === undefined) throw mirrorMissing(this.folder);
  }

  /** As in RemoteStore. Throws UserError file-changed if the copied bytes do not match the digest, and the system's error. */
  async put(name: string, from: string, file: StoredFile): Promise<boolean> {
    const path = join(this.folder, name);
    const existing = await stat(path).catch(ignoreMissing);
    if (existing?.size === file.size && existing.isFile()) return false;
    await this.#makeFolder(dirname(name));
    const partial = `${path}.partial`;
    const copied = await this.#copy(from, partial, file.size);
    if (copied.sha256 !== file.sha256) throw fileChanged(from);
    await replace(partial, path);
    return true;
  }

  async take(name: string, to: string, file: StoredFile): Promise<boolean> {
    const from = join(this.folder, name);
    const existing = await stat(from).catch(ignoreMissing);
    if (existing?.size !== file.size || !existing.isFile()) return false;
    await mkdir(dirname(to), { recursive: true });
    const copied = await this.#copy(from, to, file.size);
    if (copied.sha256 === file.sha256 && copied.size === file.size) return true;
    await rm(to, { force: true });
    return false;
  }

  /** What is no regular file counts as missing: other users may write to the folder. Throws UserError response-too-large. */
  async readText(name: string): Promise<string | undefined> {
    const source = await openSource(join(this.folder, name)).catch(ignoreMissing);
    if (source === undefined) return undefined;
    try {
      const { size } = await source.stat();
      if (size > maxTextBytes) throw textTooLarge(this.folder, name);
      return await source.readFile("utf8");
    } finally {
      await source.close();
    }
  }

  async writeText(name: string, text: string): Promise<void> {
    const path = join(this.folder, name);
    await this.#makeFolder(dirname(name));
    const partial = `${path}.${randomBytes(4).toString("hex")}.partial`;
    const handle = await open(partial, "wx");
    try {
      await handle.writeFile(text);
      await flush(handle);
    } finally {
      await handle.close();
    }
    await replace(partial, path);
  }

  async names(folder: string): Promise<readonly string[]> {
    return (await readdir(join(this.folder, folder)).catch(ignoreMissing)) ?? [];
  }

  /** Nothing to do: each write is flushed. */
  async settle(): Promise<void> {}

  /** Deletes a file. Truncates it first: some disks move deleted files to a bin that counts against the quota. */
  async remove(name: string): Promise<void> {
    const path = join(this.folder, name);
    // Not through a link to another file.
    if ((await lstat(path).catch(ignoreMissing))?.isFile() === true) await truncate(path, 0).catch(ignoreMissing);
    await rm(path, { force: true });
  }

  /** Deletes a folder if it is empty. */
  async removeFolder(name: string): Promise<void> {
    await rmdir(join(this.folder, name)).catch(() => {});
  }

  /**
   * Makes a folder below the root. A missing root is not made: its disk was unmounted, and its path is on another disk now.
   * Throws UserError `linked-folder` for a link below the root: another user who can write there chose its target.
   */
  async #makeFolder(name: string): Promise<void> {
    let path = this.folder;
    for (const part of name.split("/").filter((one) => one !== ".")) {
      path = join(path, part);
      await mkdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") throw mirrorMissing(this.folder);
        ignoreExisting(error);
      });
      if ((await lstat(path)).isSymbolicLink()) {
        throw new UserError("linked-folder", `${path} is a link, through which files would leave ${this.folder}`, {
          help: "replace the link by a folder, or name another destination",
          status: "refused",
        });
      }
    }
  }

  /** Copies the first `size` bytes, flushed, and gives their digest. Rejects if the signal aborts. */
  async #copy(from: string, to: string, size: number): Promise<StoredFile> {
    const source = await openSource(from);
    if (source === undefined) throw notRegular(from);
    try {
      // A link that another user made at this path is deleted and not followed.
      await rm(to, { force: true });
      const target = await open(to, "wx");
      try {
        const copied = await this.#transfer(source, target, size);
        await flush(target);
        return copied;
      } finally {
        await target.close();
      }
    } catch (error) {
      await rm(to, { force: true }).catch(() => {});
      throw error;
    } finally {
      await source.close();
    }
  }

  async #transfer(source: FileHandle, target: FileHandle, size: number): Promise<StoredFile> {
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkSize, Math.max(1, size)));
    let done = 0;
    while (done < size) {
      this.#signal.throwIfAborted();
      const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - done), done);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      hash.update(bytes);
      await target.writev([bytes]);
      done += bytesRead;
    }
    return { sha256: hash.digest("hex"), size: done };
  }
}

/** Opens a regular file for reading; undefined for another kind of file. Does not wait for the writer of a pipe. */
async function openSource(path: string): Promise<FileHandle | undefined> {
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error) => {
    // A socket cannot be opened.
    if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
  });
  if (handle === undefined || (await handle.stat()).isFile()) return handle ?? undefined;
  await handle.close();
  return undefined;
}

function mirrorMissing(folder: string): UserError {
  return new UserError("mirror-missing", `${folder} is not a mirror, or its disk is not mounted`, {
    help: "mount the disk again. The next run with --mirror makes the missing copies",
  });
}

/** Renames a file. Some disks cannot rename onto an existing file. */
async function replace(partial: string, path: string): Promise<void> {
  try {
    await rename(partial, path);
  } catch (error) {
    if (!["EEXIST", "EPERM", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await rm(path, { force: true });
    await rename(partial, path);
  }
}

/** Flushes a file. Some network disks cannot, and need not. */
async function flush(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (!isUnsupportedFlush(error)) throw error;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}

function ignoreExisting(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EEXIST") throw error;
}
