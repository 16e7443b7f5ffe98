import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { UserError } from "./user-error.ts";

/** Largest size of each kind of file that a user names, in bytes. */
export const fileLimits = {
  experiment: 256 * 1024,
  "label file": 1024 * 1024,
  template: 64 * 1024,
  "metric file": 1024 * 1024,
  "notes file": 4 * 1024 * 1024,
  configuration: 64 * 1024,
  "data file": 500_000_000,
} as const;

export type FileKind = keyof typeof fileLimits;

/** What a path names. "special" is a device, pipe or socket: reading it may block or never end. */
export type PathKind = "file" | "folder" | "special";

/** What a path names; undefined if it does not exist, or if no file can have this path. */
export function pathKind(path: string): PathKind | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : kindOf(stat);
  } catch (error) {
    if (["ELOOP", "ENAMETOOLONG"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function kindOf(stat: Stats): PathKind {
  return stat.isFile() ? "file" : stat.isDirectory() ? "folder" : "special";
}

/**
 * Reads at most `limit` bytes from the start of a regular file, also if the file grows meanwhile. Never blocks on a pipe. Throws
 * the system's error, and UserError: not-a-regular-file.
 */
export function readStart(path: string, limit: number): Buffer {
  // Without O_NONBLOCK, opening a pipe waits for a writer.
  const fd = openPath(path);
  try {
    const stat = fstatSync(fd);
    if (kindOf(stat) !== "file") throw notRegular(path);
    let bytes = Buffer.allocUnsafe(Math.min(limit, stat.size + 1));
    let length = 0;
    while (length < limit) {
      if (length === bytes.length) bytes = Buffer.concat([bytes], Math.min(limit, 2 * length + 4096));
      const read = readSync(fd, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads at most `limit` bytes from the end of a regular file, and says whether they are the whole file. Never blocks on a pipe.
 * Throws the system's error, and UserError: not-a-regular-file.
 */
export function readEnd(path: string, limit: number): { readonly bytes: Buffer; readonly isWhole: boolean } {
  const fd = openPath(path);
  try {
    const stat = fstatSync(fd);
    if (kindOf(stat) !== "file") throw notRegular(path);
    const start = Math.max(0, stat.size - limit);
    const bytes = Buffer.alloc(stat.size - start);
    const length = readSync(fd, bytes, 0, bytes.length, start);
    return { bytes: bytes.subarray(0, length), isWhole: start === 0 };
  } finally {
    closeSync(fd);
  }
}

function openPath(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    // A socket cannot be opened.
    throw (error as NodeJS.ErrnoException).code === "ENXIO" ? notRegular(path) : error;
  }
}

/** Largest size of a file that exp itself writes and reads as a whole, in bytes. */
const ownFileLimit = 64 * 2 ** 20;

/**
 * The text of a file that exp wrote. Another program may have put anything in its place. Throws the system's error, and UserError:
 * not-a-regular-file, also for a file that is larger than any of exp.
 */
export function readOwnFile(path: string): string {
  const bytes = readStart(path, ownFileLimit + 1);
  if (bytes.length > ownFileLimit) throw notRegular(path);
  return bytes.toString("utf8");
}

/**
 * Opens a file that exp wrote, for reading; undefined if there is none. Does not wait for the writer of a pipe. Throws the
 * system's error, and UserError not-a-regular-file.
 */
export function openOwnFile(path: string): number | undefined {
  let fd: number;
  try {
    fd = openPath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const stat = fstatSync(fd);
  if (kindOf(stat) === "file" && stat.size <= ownFileLimit) return fd;
  closeSync(fd);
  throw notRegular(path);
}

/** Reads a whole regular file. Throws the system's error, and UserError: not-a-regular-file, file-too-large. */
export function readRegularFile(path: string, kind: FileKind): Buffer {
  const limit = fileLimits[kind];
  const bytes = readStart(path, limit + 1);
  if (bytes.length > limit) throw tooLarge(path, kind);
  return bytes;
}

/** The error for a file of a user that is too large for its kind. */
export function tooLarge(path: string, kind: FileKind): UserError {
  return new UserError("file-too-large", tooLargeMessage(path, kind), { help: tooLargeHelp[kind], status: "invalid" });
}

/** `PATH is larger than 1 MiB, the limit of a label file`. */
export function tooLargeMessage(path: string, kind: FileKind): string {
  const limit = fileLimits[kind];
  const size =
    limit < 1024 * 1024 ? `${limit / 1024} KiB` : limit < 1e8 ? `${limit / 2 ** 20} MiB` : `${limit / 1e6} MB`;
  return `${path} is larger than ${size}, the limit of a ${kind}`;
}

/** What to do about a file that is too large. */
export const tooLargeHelp: Readonly<Record<FileKind, string>> = {
  experiment: "move rows and long texts to separate files",
  "label file": "keep only labels that the study uses",
  template: "move text that varies between cases to the data",
  "notes file": "shorten the notes, or split the report",
  "metric file": "a metric is one file of code: keep data out of it",
  configuration: "keep only the keys that this user needs",
  "data file": "split the file, or remove columns that the study does not use",
};

/** The error for a path that names a device, pipe, socket or folder. */
export function notRegular(path: string): UserError {
  return new UserError("not-a-regular-file", `${path} is not a regular file`, {
    help: "name a regular file: exp does not read folders, devices, pipes and sockets here",
    status: "invalid",
  });
}
