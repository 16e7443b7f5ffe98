import {
  closeSync,
  fstatSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { StoreRecord } from "../pipeline/plan/record.ts";

/** A record's modification time says when it was last of use, to this many ms. */
const USE_RESOLUTION = 60_000;

/** The small files `keys/<key>.json`: what is known of each key. */
export class Keys {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** A key's record; undefined when there is none, or none that is whole. `touch` notes that it was of use. */
  read(key: string, touch = false): StoreRecord | undefined {
    let fd: number;
    try {
      fd = openSync(`${this.folder}/${key}.json`, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    try {
      const stat = fstatSync(fd);
      const record = parseRecord(readText(fd, stat.size), key);
      if (record && touch && Math.abs(Date.now() - stat.mtimeMs) > USE_RESOLUTION) markUsed(fd);
      return record;
    } finally {
      closeSync(fd);
    }
  }

  /** Writes a record to a path on the same disk, where nobody looks for it; the caller flushes it. */
  draft(record: StoreRecord, path: string): void {
    mkdirSync(this.folder, { recursive: true });
    try {
      writeFileSync(path, `${JSON.stringify(record)}\n`, { flag: "wx" });
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  /**
   * Makes a drafted record visible, whole or not at all. Unless `replace`, the first one wins: false says that another
   * stands.
   */
  publish(draft: string, key: string, replace: boolean): boolean {
    const path = join(this.folder, `${key}.json`);
    if (!replace) return linkNew(draft, path);
    renameSync(draft, path);
    return true;
  }

  /** Every key that has a record. */
  list(): readonly string[] {
    return names(this.folder)
      .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
      .map((name) => name.slice(0, 64));
  }

  /** When a key's record was last of use, in ms since 1970; 0 when there is none. */
  lastUse(key: string): number {
    try {
      const fd = openSync(join(this.folder, `${key}.json`), "r");
      try {
        return fstatSync(fd).mtimeMs;
      } finally {
        closeSync(fd);
      }
    } catch {
      return 0;
    }
  }

  /** Where a key's record lies, whether or not it does. */
  path(key: string): string {
    return join(this.folder, `${key}.json`);
  }
}

/** Names in a folder; none when it does not exist. */
export function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

const scratch = Buffer.allocUnsafeSlow(64 << 10);

function readText(fd: number, size: number): string {
  if (size > scratch.length) return readFileSync(fd, "utf8");
  let length = 0;
  while (length < size) {
    const read = readSync(fd, scratch, length, size - length, null);
    if (read === 0) break;
    length += read;
  }
  return scratch.toString("utf8", 0, length);
}

function parseRecord(text: string, key: string): StoreRecord | undefined {
  try {
    const value = JSON.parse(text) as Partial<StoreRecord> | null;
    const isWhole =
      value?.schema === 1 &&
      value.key === key &&
      typeof value.files === "object" &&
      value.files !== null &&
      typeof value.object === "string" &&
      /^[0-9a-f]{64}$/.test(value.object);
    return isWhole ? (value as StoreRecord) : undefined;
  } catch {
    return undefined;
  }
}

function markUsed(fd: number): void {
  const now = new Date();
  try {
    futimesSync(fd, now, now);
  } catch {
    // A store that belongs to another user is read all the same.
  }
}

/** Gives a file its name unless the name is taken. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code)) throw error;
    // A filesystem without hard links: the key's lock is what keeps others away.
    renameSync(from, to);
    return true;
  }
}
