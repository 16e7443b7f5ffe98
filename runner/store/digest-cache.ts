import type { BigIntStats } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { AppendLog, hostFileName } from "./append-log.ts";

/** Appends of up to this many bytes are one write(2): lines of several processes do not mix. */
const maxAppend = 4000;
/** The digest of a file of at least this size is written at once: it would be slow to compute again. */
const largeFile = 8n << 20n;
/** Above this number of entries, the oldest entries of small files are dropped. */
const maxEntries = 50_000;

/**
 * Digests of files by their stat, in an append-only text file of this host with one line per file:
 * `dev ino size mtime_ns ctime_ns sha256 crc`. Lines with a wrong checksum are ignored.
 */
export class DigestCache {
  readonly #log: AppendLog;
  /** "dev ino" -> "size mtime ctime sha256 crc". An inode has one state, so a later line replaces an earlier one. */
  #entries: Map<string, string> | undefined;
  #lines = 0;
  #pending = "";

  constructor(folder: string) {
    this.#log = new AppendLog(join(folder, `${hostFileName()}.txt`));
  }

  /** The cached SHA-256 of a file with this stat. */
  get(stat: BigIntStats): string | undefined {
    this.#entries ??= this.#load();
    const inode = inodeOf(stat);
    const rest = this.#entries.get(inode);
    const state = stateOf(stat);
    if (rest === undefined || !rest.startsWith(state)) return undefined;
    const sha256 = rest.slice(state.length, state.length + 64);
    return rest.slice(state.length + 65) === checksum(inode, state, sha256) ? sha256 : undefined;
  }

  /** Caches a digest, unless an edit after the reading `began` (ms since 1970) could leave the stat unchanged. */
  set(stat: BigIntStats, sha256: string, began: number): void {
    if (msUntilSettled(stat, began) > 0) return;
    this.#entries ??= this.#load();
    const inode = inodeOf(stat);
    const state = stateOf(stat);
    const rest = `${state}${sha256} ${checksum(inode, state, sha256)}`;
    this.#entries.set(inode, rest);
    this.#lines++;
    const line = `${inode} ${rest}\n`;
    if (this.#pending.length + line.length >= maxAppend) this.#append();
    this.#pending += line;
    if (stat.size >= largeFile) this.#append();
  }

  /** Writes what is pending, and compacts the file if most of its lines are outdated. */
  flush(): void {
    this.#append();
    const entries = this.#entries;
    if (entries && (this.#lines > 2 * entries.size + 2000 || entries.size > maxEntries)) this.#compact();
  }

  #append(): void {
    if (this.#pending === "") return;
    this.#log.append(this.#pending);
    this.#pending = "";
  }

  #load(): Map<string, string> {
    const entries = new Map<string, string>();
    this.#lines = 0;
    const text = this.#log.read().toString("latin1");
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf("\n", start);
      const end = newline < 0 ? text.length : newline;
      const split = text.indexOf(" ", text.indexOf(" ", start) + 1);
      if (split > start && split < end) {
        entries.set(text.slice(start, split), text.slice(split + 1, end));
        this.#lines++;
      }
      start = end + 1;
    }
    return entries;
  }

  #compact(): void {
    const entries = this.#load();
    this.#entries = entries;
    let surplus = entries.size > maxEntries ? entries.size - maxEntries / 2 : 0;
    for (const [inode, rest] of entries) {
      if (surplus <= 0) break;
      if (/^\d{8,} /.test(rest)) continue;
      entries.delete(inode);
      surplus--;
    }
    let text = "";
    for (const [inode, rest] of entries) text += `${inode} ${rest}\n`;
    this.#lines = entries.size;
    this.#log.rewrite(text);
  }
}

/**
 * Milliseconds from `now` until any later edit of a file must change its stat; 0 or less if that is so already. Clocks of
 * filesystems tick every 10 ms or faster on Linux, macOS and Windows, and every 1 to 2 s on old filesystems, whose stamps are
 * whole seconds. Only ctime cannot be set by hand. A stamp in the future comes from a clock that differs from ours.
 */
export function msUntilSettled(stat: Pick<BigIntStats, "ctimeNs" | "mtimeNs">, now: number): number {
  const tick = stat.ctimeNs % 1_000_000_000n === 0n ? 2_100 : 100;
  const sinceChange = now - Number(stat.ctimeNs / 1_000_000n);
  const sinceWrite = Math.abs(now - Number(stat.mtimeNs / 1_000_000n));
  return tick - Math.min(sinceChange, sinceWrite);
}

function inodeOf(stat: BigIntStats): string {
  return `${stat.dev} ${stat.ino}`;
}

function stateOf(stat: BigIntStats): string {
  return `${stat.size} ${stat.mtimeNs} ${stat.ctimeNs} `;
}

function checksum(inode: string, state: string, sha256: string): string {
  return crc32(`${inode} ${state}${sha256}`).toString(36);
}
