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
import { join } from "node:path";
import type { StoredFile } from "../plan/record.ts";
import { canonical, sha256Hex } from "./canonical.ts";
import { Remembered } from "./remembered.ts";

/** Path relative to a folder, with "/" between names -> file. */
export type Listing = Readonly<Record<string, StoredFile>>;

/** Tells files apart by content, and reads again only those whose stat has changed since this host last read them. */
export type Digests = {
  /** A file's digest and size. Symlinks are followed. Throws the system's error, or FileChanged. */
  file(path: string): StoredFile;
  /** Every file below a folder. Symlinks are followed; a loop of them is an error. */
  folder(path: string): Listing;
  /** SHA-256 of a file, or of a folder's listing. */
  of(path: string): string;
  /** A file that may not be a symlink; undefined where there is none. */
  plainFile(path: string): StoredFile | undefined;
  /** The same file, read without blocking the event loop. */
  plainFileAsync(path: string): Promise<StoredFile | undefined>;
  /** Writes what was learnt to the cache: call it before the process ends. Never throws. */
  flush(): void;
};

/** A file would not hold still while it was read. */
export class FileChanged extends Error {
  constructor(path: string) {
    super(`${path} changed while it was read; let whatever writes it finish, then run again`);
    this.name = "FileChanged";
  }
}

/** Digest of a folder: SHA-256 of the canonical JSON of its listing, path -> sha256. */
export function listingDigest(files: Listing): string {
  return sha256Hex(canonical(Object.fromEntries(Object.entries(files).map(([name, file]) => [name, file.sha256]))));
}

/** Opens the digests that this host remembers under `<cache>/digests/`; read on first use. */
export function openDigests(cache: string): Digests {
  const remembered = new Remembered(join(cache, "digests"));

  const ask = (path: string, flags: number, stat: BigIntStats): StoredFile => {
    const known = remembered.get(stat);
    if (known !== undefined) return { sha256: known, size: Number(stat.size) };
    for (let attempt = 0; attempt < 3; attempt++) {
      const read = readOnce(path, flags);
      if (read === undefined) continue;
      remembered.set(read.stat, read.sha256, read.began);
      return { sha256: read.sha256, size: Number(read.stat.size) };
    }
    throw new FileChanged(path);
  };

  const file = (path: string): StoredFile => {
    const stat = statSync(path, { bigint: true });
    if (!stat.isFile()) throw new Error(`${path} is not a file`);
    return ask(path, constants.O_RDONLY, stat);
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
    of: (path) => (statSync(path).isDirectory() ? listingDigest(folder(path)) : file(path).sha256),
    plainFile(path) {
      const stat = plainStat(path);
      return stat && ask(path, constants.O_RDONLY | constants.O_NOFOLLOW, stat);
    },
    async plainFileAsync(path) {
      const stat = plainStat(path);
      return stat && ask(path, constants.O_RDONLY | constants.O_NOFOLLOW, stat);
    },
    flush: () => remembered.flush(),
  };
}

/** One buffer for all reads: small enough to stay in a core's cache between the read and the hash. */
const buffer = Buffer.allocUnsafeSlow(1 << 20);

type Read = { readonly sha256: string; readonly stat: BigIntStats; readonly began: number };

/** Hashes a file in one pass; undefined when its stat was another one afterwards. */
function readOnce(path: string, flags: number): Read | undefined {
  const began = Date.now();
  const fd = openSync(path, flags);
  try {
    const before = fstatSync(fd, { bigint: true });
    const hash = createHash("sha256");
    for (;;) {
      const length = readSync(fd, buffer, 0, buffer.length, null);
      if (length === 0) break;
      hash.update(length === buffer.length ? buffer : buffer.subarray(0, length));
    }
    const after = fstatSync(fd, { bigint: true });
    return sameState(before, after) ? { sha256: hash.digest("hex"), stat: after, began } : undefined;
  } finally {
    closeSync(fd);
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
  if (above.has(real)) throw new Error(`${folder} is a symlink to a folder that holds it`);
  const inside = new Set(above).add(real);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isFolder = entry.isSymbolicLink() ? statSync(path).isDirectory() : entry.isDirectory();
    if (isFolder) walk(path, `${prefix}${entry.name}/`, inside, visit);
    else visit(`${prefix}${entry.name}`, path);
  }
}
