import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { fileChanged } from "../../store/digest.ts";
import type { RemoteStore } from "./remote-store.ts";

/** Bytes copied between two looks at whether to go on. */
const piece = 4 << 20;
/** The file that says that a folder is a mirror, and is there only while its disk is. */
const sign = "exp-mirror.json";

/** The disk of a mirror is not there any more, or never was. */
export class DiskGone extends Error {
  readonly code = "gone";

  constructor(folder: string) {
    super(`${folder} is not there: its disk is not mounted, or was taken away`);
    this.name = "DiskGone";
  }
}

/**
 * A folder on a slow disk of which little can be expected: no links, names that differ by case may be one, a rename holds
 * within a folder at most, and a file may be cut short by a lost connection. So names are lower-case, a file gets its name
 * when all of it is written, and what is read back counts only when its digest is right.
 */
export class Disk implements RemoteStore {
  readonly folder: string;
  readonly #signal: AbortSignal;

  constructor(folder: string, signal: AbortSignal) {
    this.folder = folder;
    this.#signal = signal;
  }

  /** Makes the folder a mirror. The folder around it must exist: it is what shows that the disk is mounted. */
  async create(): Promise<void> {
    await mkdir(this.folder).catch(unlessThere);
    const text = `${JSON.stringify({ schema: 1, note: "a mirror that exp writes and reads: leave these files to it" })}\n`;
    if ((await this.readText(sign)) === undefined) await this.writeText(sign, text);
  }

  /** Throws DiskGone where what was a mirror is none: writing there would fill the disk that lies below it. */
  async check(): Promise<void> {
    if ((await this.readText(sign)) === undefined) throw new DiskGone(this.folder);
  }

  /**
   * Copies a file to a name of this disk unless it is there in its size, and says whether it had to. Throws where the copied
   * bytes are not the file's, and what the system says.
   */
  async put(name: string, from: string, file: StoredFile): Promise<boolean> {
    const path = join(this.folder, name);
    const there = await stat(path).catch(unlessMissing);
    if (there?.size === file.size) return false;
    await mkdir(dirname(path), { recursive: true });
    const partial = `${path}.partial`;
    const copied = await this.#copy(from, partial, file.size);
    if (copied.sha256 !== file.sha256) throw fileChanged(from);
    await replace(partial, path);
    return true;
  }

  /** Copies a file of this disk to a local path; false, and nothing stays there, where it is missing, cut short or damaged. */
  async take(name: string, to: string, file: StoredFile): Promise<boolean> {
    const from = join(this.folder, name);
    const there = await stat(from).catch(unlessMissing);
    if (there?.size !== file.size) return false;
    await mkdir(dirname(to), { recursive: true });
    const copied = await this.#copy(from, to, file.size);
    if (copied.sha256 === file.sha256 && copied.size === file.size) return true;
    await rm(to, { force: true });
    return false;
  }

  /** A small file as text; undefined where there is none. */
  async readText(name: string): Promise<string | undefined> {
    return readFile(join(this.folder, name), "utf8").catch(unlessMissing);
  }

  /** Writes a small file whole or not at all. */
  async writeText(name: string, text: string): Promise<void> {
    const path = join(this.folder, name);
    await mkdir(dirname(path), { recursive: true });
    const partial = `${path}.${randomBytes(4).toString("hex")}.partial`;
    const handle = await open(partial, "w");
    try {
      await handle.writeFile(text);
      await flush(handle);
    } finally {
      await handle.close();
    }
    await replace(partial, path);
  }

  /** Names in a folder of this disk; none where there is no such folder. */
  async names(folder: string): Promise<readonly string[]> {
    return (await readdir(join(this.folder, folder)).catch(unlessMissing)) ?? [];
  }

  /** Each file is flushed as it is written. */
  async settle(): Promise<void> {}

  /** Removes a file. It is emptied first, since some disks keep what is removed in a bin that counts against their space. */
  async remove(name: string): Promise<void> {
    const path = join(this.folder, name);
    await truncate(path, 0).catch(unlessMissing);
    await rm(path, { force: true });
  }

  /** Removes a folder that is empty; one that is not stays. */
  async removeFolder(name: string): Promise<void> {
    await rmdir(join(this.folder, name)).catch(() => {});
  }

  /** Copies the first `size` bytes, flushed, and gives their digest. Rejects when the signal aborts. */
  async #copy(from: string, to: string, size: number): Promise<StoredFile> {
    const source = await open(from, "r");
    try {
      const target = await open(to, "w");
      try {
        const copied = await this.#pour(source, target, size);
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

  async #pour(source: FileHandle, target: FileHandle, size: number): Promise<StoredFile> {
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafeSlow(Math.min(piece, Math.max(1, size)));
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

/** Gives a file its name; some disks will not rename onto a file that is there. */
async function replace(partial: string, path: string): Promise<void> {
  try {
    await rename(partial, path);
  } catch (error) {
    if (!["EEXIST", "EPERM", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await rm(path, { force: true });
    await rename(partial, path);
  }
}

/** Some network disks cannot flush, and need not. */
async function flush(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}

function unlessThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EEXIST") throw error;
}
