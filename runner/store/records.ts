import {
  closeSync,
  fstatSync,
  futimesSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isDigest, isListing, type StoreRecord } from "../pipeline/plan/record.ts";
import { namesIn } from "../util/names-in.ts";
import { openOwnFile } from "../util/regular-file.ts";
import { sealedJson, unsealed } from "../util/sealed-json.ts";

/** Resolution of the time of a record's last use, which is its modification time. ms */
const useResolution = 60_000;

/** The records of keys: `keys/<key>.json`. */
export class Records {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** A key's record; undefined if it is missing or torn. `touch` updates the time of its last use. */
  read(key: string, touch = false): StoreRecord | undefined {
    const fd = openOwnFile(`${this.folder}/${key}.json`);
    if (fd === undefined) return undefined;
    try {
      const stat = fstatSync(fd);
      const record = parseRecord(readText(fd, stat.size), key);
      if (record && touch && Math.abs(Date.now() - stat.mtimeMs) > useResolution) markUsed(fd);
      return record;
    } finally {
      closeSync(fd);
    }
  }

  /** Writes a record to a temporary path on the same disk. The caller flushes it. */
  writeDraft(record: StoreRecord, path: string): void {
    mkdirSync(this.folder, { recursive: true });
    try {
      writeFileSync(path, sealedJson(record), { flag: "wx" });
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  /** Makes a drafted record visible, atomically. Without `replace`, an existing record is kept and the result is false. */
  publish(draft: string, key: string, replace: boolean): boolean {
    const path = join(this.folder, `${key}.json`);
    if (!replace) return linkNew(draft, path);
    renameSync(draft, path);
    return true;
  }

  /** Every key that has a record. */
  keys(): readonly string[] {
    return namesIn(this.folder)
      .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
      .map((name) => name.slice(0, 64));
  }

  /** Time of a key's last use in ms since 1970; 0 if it has no record. */
  lastUse(key: string): number {
    try {
      const fd = openOwnFile(join(this.folder, `${key}.json`));
      if (fd === undefined) return 0;
      try {
        return fstatSync(fd).mtimeMs;
      } finally {
        closeSync(fd);
      }
    } catch {
      return 0;
    }
  }

  /** The path of a key's record, which need not exist. */
  path(key: string): string {
    return join(this.folder, `${key}.json`);
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

/** Parses the text of a key's record; undefined if it is torn, changed or of another key. */
export function parseRecord(text: string, key: string): StoreRecord | undefined {
  try {
    const value = unsealed(JSON.parse(text)) as Partial<StoreRecord> | undefined;
    const isWhole = value?.schema === 2 && value.key === key && isListing(value.files) && isDigest(value.object);
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
    // The store of another user is read-only for this process.
  }
}

/** Gives a file its name; false if the name exists. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code)) throw error;
    // The filesystem has no hard links. The key's lock keeps other processes away.
    renameSync(from, to);
    return true;
  }
}
