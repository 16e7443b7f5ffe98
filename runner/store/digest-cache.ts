import type { BigIntStats } from "node:fs";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { writeFileAtomic } from "../util/write-file.ts";

/** Appends of at most this many bytes are one write(2), so that lines of several processes do not mix. */
const CHUNK = 4000;
/** A file of this size or more is written to the cache at once: reading it again would be felt. */
const COSTLY = 8n << 20n;
/** Beyond this many files the oldest are forgotten, except for costly ones. */
const LIMIT = 50_000;

/**
 * Digests of files by their stat, in an append-only text file of this host: `dev ino size mtime_ns ctime_ns sha256 crc`
 * a line. A line that is torn or damaged fails its checksum and is ignored; every failure to read or write is a
 * forgotten digest and nothing else.
 */
export class Remembered {
  readonly #folder: string;
  readonly #path: string;
  /** "dev ino" -> "size mtime ctime sha256 crc": an inode has one state, so a later line replaces an earlier one. */
  #known: Map<string, string> | undefined;
  #lines = 0;
  #pending = "";

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, `${hostname().replace(/[^\w.-]/g, "_") || "host"}.txt`);
  }

  /** SHA-256 of a file in this state, if this host has read it. */
  get(stat: BigIntStats): string | undefined {
    this.#known ??= this.#load();
    const inode = inodeOf(stat);
    const rest = this.#known.get(inode);
    const state = stateOf(stat);
    if (rest === undefined || !rest.startsWith(state)) return undefined;
    const sha256 = rest.slice(state.length, state.length + 64);
    return rest.slice(state.length + 65) === checksum(inode, state, sha256) ? sha256 : undefined;
  }

  /** Remembers a file's digest, unless an edit after the reading that `began` (ms) could leave the same stat. */
  set(stat: BigIntStats, sha256: string, began: number): void {
    if (untilSettled(stat, began) > 0) return;
    this.#known ??= this.#load();
    const inode = inodeOf(stat);
    const state = stateOf(stat);
    const rest = `${state}${sha256} ${checksum(inode, state, sha256)}`;
    this.#known.set(inode, rest);
    this.#lines++;
    const line = `${inode} ${rest}\n`;
    if (this.#pending.length + line.length >= CHUNK) this.#append();
    this.#pending += line;
    if (stat.size >= COSTLY) this.#append();
  }

  flush(): void {
    this.#append();
    if (this.#known && (this.#lines > 2 * this.#known.size + 2000 || this.#known.size > LIMIT)) this.#compact();
  }

  #append(): void {
    if (this.#pending === "") return;
    // The newline in front ends a line that a killed process has left half-written.
    const text = `\n${this.#pending}`;
    this.#pending = "";
    forgiving(() => {
      mkdirSync(this.#folder, { recursive: true });
      appendFileSync(this.#path, text, "latin1");
    });
  }

  #load(): Map<string, string> {
    const known = new Map<string, string>();
    this.#lines = 0;
    const text = forgiving(() => readFileSync(this.#path, "latin1")) ?? "";
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf("\n", start);
      const end = newline < 0 ? text.length : newline;
      const split = text.indexOf(" ", text.indexOf(" ", start) + 1);
      if (split > start && split < end) {
        known.set(text.slice(start, split), text.slice(split + 1, end));
        this.#lines++;
      }
      start = end + 1;
    }
    return known;
  }

  /** Rewrites the file without lines that were replaced. What others append meanwhile is forgotten. */
  #compact(): void {
    this.#known = this.#load();
    let surplus = this.#known.size - LIMIT / 2;
    if (this.#known.size > LIMIT) {
      for (const [inode, rest] of this.#known) {
        if (surplus <= 0) break;
        if (/^\d{8,} /.test(rest)) continue;
        this.#known.delete(inode);
        surplus--;
      }
    }
    let text = "";
    for (const [inode, rest] of this.#known) text += `${inode} ${rest}\n`;
    this.#lines = this.#known.size;
    forgiving(() => writeFileAtomic(this.#path, Buffer.from(text, "latin1")));
  }
}

/**
 * How long, in ms from `now`, until any later edit must show in the stat; 0 or less when it must already. The clock that
 * stamps files ticks every 10 ms or faster on Linux, macOS and Windows, and every 1-2 s on old filesystems, which show
 * it by whole seconds. Only ctime cannot be set back by hand; a stamp in the future is of a clock that differs from ours.
 */
export function untilSettled(stat: Pick<BigIntStats, "ctimeNs" | "mtimeNs">, now: number): number {
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

function forgiving<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
