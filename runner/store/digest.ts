import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StoredFile } from "../pipeline/plan/record.ts";
import { canonicalJson, sha256 } from "../util/canonical.ts";
import { notRegular } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { DigestCache, msUntilSettled } from "./digest-cache.ts";

/** Path relative to a folder, with "/" between names -> file. */
export type Listing = Readonly<Record<string, StoredFile>>;

/** Digests of files. A file is read again only if its stat changed since this host last read it. */
export type Digests = {
  /** A file's digest and size. Follows symlinks. Throws the system's error, and UserError: file-changed. */
  file(path: string): StoredFile;
  /** Every file below a folder. Follows symlinks; a loop is an error. */
  folder(path: string): Listing;
  /** SHA-256 of a file, or of the listing of a folder. */
  of(path: string): string;
  /**
   * Sizes and times of a file, or of every file of a folder: a change of content changes them, also if it is undone.
   */
  state(path: string): string;
  /** Digest and size of a regular file; undefined for a symlink and if there is no file. */
  plainFile(path: string): StoredFile | undefined;
  /** The same without blocking the event loop. */
  plainFileAsync(path: string): Promise<StoredFile | undefined>;
  /** Writes new digests to the cache. Call it before the process ends. Never throws. */
  flush(): void;
};

/** The error for a file that changes while it is read. */
export function fileChanged(path: string): UserError {
  return new UserError("file-changed", `${path} changed while it was read`, {
    help: "wait until the program that writes it has ended, then run again",
  });
}

/** Why a file cannot be read, as the end of a sentence about it; undefined for other errors. */
export function unreadableReason(error: unknown): string | undefined {
  if (error instanceof UserError && error.code === "file-changed") return "is being changed";
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "not-a-regular-file") return "is not a regular file";
  if (["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"].includes(code)) return "is missing";
  return ["EACCES", "EPERM", "EIO"].includes(code) ? `cannot be read (${code})` : undefined;
}

/** Digest of a folder: SHA-256 of the canonical JSON of path -> sha256. */
export function listingDigest(files: Listing): string {
  return sha256(canonicalJson(Object.fromEntries(Object.entries(files).map(([name, file]) => [name, file.sha256]))));
}

/** Reads a whole file and gives its digest, without the cache. Follows symlinks. Throws like `Digests.file`. */
export function digestUncached(path: string): StoredFile {
  const read = readOnce(path, constants.O_RDONLY);
  if (read === undefined) throw fileChanged(path);
  return { sha256: read.sha256, size: Number(read.stat.size) };
}

/** Opens the digests that this host cached in `<cache>/digests/`. They are read on first use. */
export function openDigests(cache: string): Digests {
  const cached = new DigestCache(join(cache, "digests"));

  const fromCache = (stat: BigIntStats): StoredFile | undefined => {
    const sha256 = cached.get(stat);
    return sha256 === undefined ? undefined : { sha256, size: Number(stat.size) };
  };

  const toCache = ({ stat, sha256, began }: Read): StoredFile => {
    cached.set(stat, sha256, began);
    return { sha256, size: Number(stat.size) };
  };

  const read = (path: string, flags: number): StoredFile => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const once = readOnce(path, flags);
      if (once) return toCache(once);
    }
    throw fileChanged(path);
  };

  const file = (path: string): StoredFile => {
    const stat = statSync(path, { bigint: true });
    if (!stat.isFile()) throw notRegular(path);
    return fromCache(stat) ?? read(path, constants.O_RDONLY);
  };

  const folder = (path: string): Listing => {
    const files: Record<string, StoredFile> = {};
    walk(path, "", new Set(), (name, full) => {
      files[name] = file(full);
    });
    return files;
  };

  const plainStat = (path: string): BigIntStats | undefined => {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stat?.isFile() ? stat : undefined;
  };

  return {
    file,
    folder,
    state(path) {
      // Without the inode: some network file systems give a file another one after a while.
      const stateOf = (one: string): string => {
        const { size, mtimeNs, ctimeNs } = statSync(one, { bigint: true });
        return `${size} ${mtimeNs} ${ctimeNs}`;
      };
      if (!statSync(path).isDirectory()) return stateOf(path);
      const states: string[] = [];
      walk(path, "", new Set(), (name, full) => void states.push(`${name} ${stateOf(full)}`));
      return states.join("\n");
    },
    of: (path) => (statSync(path).isDirectory() ? listingDigest(folder(path)) : file(path).sha256),
    plainFile(path) {
      const stat = plainStat(path);
      return stat && (fromCache(stat) ?? read(path, constants.O_RDONLY | constants.O_NOFOLLOW));
    },
    async plainFileAsync(path) {
      const stat = plainStat(path);
      if (!stat) return undefined;
      const known = fromCache(stat);
      if (known) return known;
      if (stat.size < smallFile) return read(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      // After one tick of the filesystem's clock the digest can be cached. The next run then need not read the file.
      const wait = msUntilSettled(stat, Date.now());
      if (wait > 0 && wait < longestTickWait) await sleep(wait + 1);
      const once = await readOnceAsync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      if (!once) throw fileChanged(path);
      return toCache(once);
    },
    flush: () => cached.flush(),
  };
}

/** Files below this many bytes are read synchronously: they block the event loop only briefly. */
const smallFile = 4n << 20n;

/** Longest wait, in ms, for a large file's stat to settle before it is read. */
const longestTickWait = 500;

/** Opening a pipe must not wait for a writer. Windows has no such flag. */
const nonBlocking = constants.O_NONBLOCK ?? 0;

/** One buffer for all synchronous reads. It fits into the cache of a core between the read and the hash. */
const buffer = Buffer.allocUnsafeSlow(1 << 20);

/** Opens a file. Throws UserError not-a-regular-file for a socket, which cannot be opened. */
function openFile(path: string, flags: number): number {
  try {
    return openSync(path, flags | nonBlocking);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENXIO" ? notRegular(path) : error;
  }
}

type Read = { readonly sha256: string; readonly stat: BigIntStats; readonly began: number };

/** Hashes a file in one pass; undefined if its stat changed meanwhile. */
function readOnce(path: string, flags: number): Read | undefined {
  const began = Date.now();
  const fd = openFile(path, flags);
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile()) throw notRegular(path);
    const hash = createHash("sha256");
    for (let left = Number(before.size); ; ) {
      const length = readSync(fd, buffer, 0, buffer.length, null);
      left -= length;
      // A file that grows is read no further: its state has changed.
      if (length === 0 || left < 0) break;
      hash.update(length === buffer.length ? buffer : buffer.subarray(0, length));
    }
    const after = fstatSync(fd, { bigint: true });
    return sameState(before, after) ? { sha256: hash.digest("hex"), stat: after, began } : undefined;
  } finally {
    closeSync(fd);
  }
}

/** The same without blocking. Reads into a second buffer while the first is hashed. */
async function readOnceAsync(path: string, flags: number): Promise<Read | undefined> {
  const began = Date.now();
  const handle = await open(path, flags | nonBlocking);
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) throw notRegular(path);
    const hash = createHash("sha256");
    let [current, next] = [Buffer.allocUnsafeSlow(buffer.length), Buffer.allocUnsafeSlow(buffer.length)];
    for (let reading = handle.read(current); ; ) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) break;
      reading = handle.read(next);
      hash.update(current.subarray(0, bytesRead));
      [current, next] = [next, current];
    }
    const after = await handle.stat({ bigint: true });
    return sameState(before, after) ? { sha256: hash.digest("hex"), stat: after, began } : undefined;
  } finally {
    await handle.close();
  }
}

function sameState(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

function walk(
  folder: string,
  prefix: string,
  above: ReadonlySet<string>,
  visit: (name: string, path: string) => void,
): void {
  const real = realpathSync(folder);
  if (above.has(real)) throw new Error(`${folder} is a symlink to a folder that contains it`);
  const inside = new Set(above).add(real);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isFolder = entry.isSymbolicLink() ? statSync(path).isDirectory() : entry.isDirectory();
    if (isFolder) walk(path, `${prefix}${entry.name}/`, inside, visit);
    else visit(`${prefix}${entry.name}`, path);
  }
}
