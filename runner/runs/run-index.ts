import type { BigIntStats } from "node:fs";
import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { untilSettled } from "../store/digest-cache.ts";
import { names } from "../store/records.ts";
import { sha256 } from "../util/canonical.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import type { Manifest } from "./manifest.ts";
import { latestLink, runsDir } from "./run-folder.ts";
import { RunLine } from "./run-line.ts";

/** Raised when lines are written differently: what an older exp has written is then made anew. */
const format = 2;

/** One finished run as a listing has it. */
export type ListedRun = {
  readonly line: RunLine;
  /** Path of its manifest. */
  readonly manifest: string;
};

/** What a listing gives: the runs, oldest first, and the manifests that cannot be read. */
export type Listed = { readonly runs: readonly ListedRun[]; readonly unreadable: readonly string[] };

type Kept = { readonly state: string; readonly line: RunLine };

/**
 * Every finished run below an artifacts folder, oldest first. What was read of a manifest is remembered in the cache of this
 * host, `<crc> <stat of the manifest>TAB<experiment>/<run>TAB<line>` a line, and counts only while the manifest has that stat:
 * a manifest that is new, was changed or has gone is seen as it is. Nothing is written below the artifacts folder, and every
 * failure to read or write the cache costs time and nothing else.
 */
export function listFinished(artifacts: string, cache: string): Listed {
  const file = indexFile(artifacts, cache);
  const { kept, lines } = load(file);
  const runs: (ListedRun & { readonly created: string })[] = [];
  const unreadable: string[] = [];
  const current = new Map<string, Kept>();
  const fresh: Buffer[] = [];
  for (const [name, manifest] of manifests(artifacts)) {
    const stat = statOf(manifest);
    if (stat === undefined) continue;
    const state = `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    const before = kept.get(name);
    if (before?.state === state) current.set(name, before);
    else {
      const began = Date.now();
      const line = read(manifest);
      if (line === undefined) {
        unreadable.push(manifest);
        continue;
      }
      current.set(name, { state, line });
      // An edit within the same tick of the clock would leave the stat as it is.
      if (untilSettled(stat, began) <= 0) fresh.push(lineOf(name, { state, line }));
    }
    const { line } = current.get(name) as Kept;
    runs.push({ line, manifest, created: String(line.value("created")) });
  }
  if (lines > 2 * current.size + 100) rewrite(file, current);
  else if (fresh.length > 0) forgiving(() => append(file, fresh));
  runs.sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
  return { runs, unreadable };
}

function indexFile(artifacts: string, cache: string): string {
  const host = hostname().replace(/[^\w.-]/g, "_") || "host";
  return join(cache, "runs", `${sha256(resolve(artifacts)).slice(0, 16)}.${host}.v${format}.txt`);
}

/** "<experiment>/<run>" and the path of its manifest, for every folder that may be a run. */
function* manifests(artifacts: string): Generator<readonly [string, string]> {
  const root = runsDir(artifacts);
  for (const experiment of names(root)) {
    for (const run of namesIn(`${root}/${experiment}`)) {
      if (run !== latestLink && !run.endsWith(".json")) {
        yield [`${experiment}/${run}`, `${root}/${experiment}/${run}/manifest.json`];
      }
    }
  }
}

function namesIn(folder: string): readonly string[] {
  return forgiving(() => names(folder)) ?? [];
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw error;
  }
}

function read(manifest: string): RunLine | undefined {
  try {
    return RunLine.of(JSON.parse(readFileSync(manifest, "utf8")) as Manifest);
  } catch {
    return undefined;
  }
}

function lineOf(name: string, { state, line }: Kept): Buffer {
  const body = Buffer.concat([Buffer.from(`${state}\t${encodeURIComponent(name)}\t`, "latin1"), line.bytes]);
  return Buffer.concat([Buffer.from(`${crc32(body).toString(36)} `, "latin1"), body, Buffer.from("\n")]);
}

const [newline, space, tab] = [0x0a, 0x20, 0x09];

/** What was remembered; lines that are torn or damaged fail their checksum. */
function load(file: string): { readonly kept: ReadonlyMap<string, Kept>; readonly lines: number } {
  const kept = new Map<string, Kept>();
  let lines = 0;
  const bytes = forgiving(() => readFileSync(file)) ?? Buffer.alloc(0);
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    const split = bytes.indexOf(space, start);
    if (split > start && split < end) {
      const body = bytes.subarray(split + 1, end);
      if (crc32(body).toString(36) === bytes.toString("latin1", start, split)) {
        const first = body.indexOf(tab);
        const second = body.indexOf(tab, first + 1);
        const name = decodeURIComponent(body.toString("latin1", first + 1, second));
        kept.set(name, { state: body.toString("latin1", 0, first), line: new RunLine(body.subarray(second + 1)) });
      }
    }
    lines++;
    start = end + 1;
  }
  return { kept, lines };
}

function append(file: string, lines: readonly Buffer[]): void {
  mkdirSync(join(file, ".."), { recursive: true });
  // The newline in front ends a line that a killed process has left half-written.
  appendFileSync(file, Buffer.concat([Buffer.from("\n"), ...lines]));
}

function rewrite(file: string, current: ReadonlyMap<string, Kept>): void {
  forgiving(() => writeFileAtomic(file, Buffer.concat([...current].map(([name, kept]) => lineOf(name, kept)))));
}

function forgiving<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
