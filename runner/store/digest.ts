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
import { UserError } from "../util/user-error.ts";
import { Remembered, untilSettled } from "./digest-cache.ts";

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
export class FileChanged extends UserError {
  constructor(path: string) {
    super("file-changed", `${path} changed while it was read`, {
      help: "let whatever writes it finish, then run again",
    });
    this.name = "FileChanged";
  }
}

/** Digest of a folder: SHA-256 of the canonical JSON of its listing, path -> sha256. */
export function listingDigest(files: Listing): string {
  return sha256(canonicalJson(Object.fromEntries(Object.entries(files).map(([name, file]) => [name, file.sha256]))));
}

/** A file's digest, read from its first byte to its last, whatever was remembered of it. Follows symlinks; throws the system's error. */
export function digestAfresh(path: string): StoredFile {
  const read = readOnce(path, constants.O_RDONLY);
  if (read === undefined) throw new FileChanged(path);
  return { sha256: read.sha256, size: Number(read.stat.size) };
}

/** Opens the digests that this host remembers under `<cache>/digests/`; read on first use. */
export function openDigests(cache: string): Digests {
  const remembered = new Remembered(join(cache, "digests"));

  const recall = (stat: BigIntStats): StoredFile | undefined => {
    const sha256 = remembered.get(stat);
    return sha256 === undefined ? undefined : { sha256, size: Number(stat.size) };
  };

  const learn = ({ stat, sha256, began }: Read): StoredFile => {
    remembered.set(stat, sha256, began);
    return { sha256, size: Number(stat.size) };
  };

  const read = (path: string, flags: number): StoredFile => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const once = readOnce(path, flags);
      if (once) return learn(once);
    }
    throw new FileChanged(path);
  };

  const file = (path: string): StoredFile => {
    const stat = statSync(path, { bigint: true });
    if (!stat.isFile()) throw new Error(`${path} is not a file`);
    return recall(stat) ?? read(path, constants.O_RDONLY);
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
      return stat && (recall(stat) ?? read(path, constants.O_RDONLY | constants.O_NOFOLLOW));
    },
    async plainFileAsync(path) {
      const stat = plainStat(path);
      if (!stat) return undefined;
      const known = recall(stat);
      if (known) return known;
      if (stat.size < SMALL) return read(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      // Waiting out the clock's tick now saves reading it all again next time.
      const wait = untilSettled(stat, Date.now());
      if (wait > 0 && wait < LONGEST_TICK_WAIT) await sleep(wait + 1);
      const once = await readOnceAsync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      if (!once) throw new FileChanged(path);
      return learn(once);
    },
    flush: () => remembered.flush(),
  };
}

/** Files below this many bytes are read at once: they hold up nothing. */
const SMALL = 4n << 20n;

/** Longest wait, in ms, for a large file's stat to settle before it is read. */
const LONGEST_TICK_WAIT = 500;

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

/** The same, reading ahead into a second buffer while the first is hashed, and giving way to others in between. */
async function readOnceAsync(path: string, flags: number): Promise<Read | undefined> {
  const began = Date.now();
  const handle = await open(path, flags);
  try {
    const before = await handle.stat({ bigint: true });
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
  if (above.has(real)) throw new Error(`${folder} is a symlink to a folder that holds it`);
  const inside = new Set(above).add(real);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isFolder = entry.isSymbolicLink() ? statSync(path).isDirectory() : entry.isDirectory();
    if (isFolder) walk(path, `${prefix}${entry.name}/`, inside, visit);
    else visit(`${prefix}${entry.name}`, path);
  }
}
