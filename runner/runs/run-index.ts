import type { BigIntStats } from "node:fs";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { AppendLog, hostFileName } from "../store/append-log.ts";
import { msUntilSettled } from "../store/digest-cache.ts";
import { sha256 } from "../util/canonical.ts";
import { namesIn } from "../util/names-in.ts";
import { readManifest } from "./manifest.ts";
import { latestLink, runsDir } from "./run-folder.ts";
import { RunLine } from "./run-line.ts";

/** Format of the lines. Lines of other versions are read from the manifests again. */
const format = 2;

/** One finished run in a listing. */
export type ListedRun = {
  readonly line: RunLine;
  /** Path of its manifest. */
  readonly manifest: string;
};

/** The finished runs, oldest first, and the manifests that cannot be read. */
export type Listed = { readonly runs: readonly ListedRun[]; readonly unreadable: readonly string[] };

/** A cached run. `state` is the stat of its manifest. */
type Entry = { readonly state: string; readonly line: RunLine };

/**
 * Every finished run of an artifacts folder, oldest first. What a listing needs of a manifest is cached per host, one line per
 * run: `<crc> <stat of the manifest>TAB<experiment>/<run>TAB<line>`. A line is valid while the manifest has this stat. Writes
 * nothing below the artifacts folder.
 */
export function listFinished(artifacts: string, cache: string): Listed {
  const log = new AppendLog(indexFile(artifacts, cache));
  const { entries, lines } = load(log);
  const runs: (ListedRun & { readonly created: string })[] = [];
  const unreadable: string[] = [];
  const current = new Map<string, Entry>();
  const fresh: Buffer[] = [];
  for (const [name, manifest] of manifests(artifacts)) {
    const stat = statOf(manifest);
    if (stat === undefined) continue;
    const state = `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    const cached = entries.get(name);
    if (cached?.state === state) current.set(name, cached);
    else {
      const began = Date.now();
      const line = read(manifest);
      if (line === undefined) {
        unreadable.push(manifest);
        continue;
      }
      current.set(name, { state, line });
      // An edit within the same tick of the clock would leave the stat unchanged.
      if (msUntilSettled(stat, began) <= 0) fresh.push(lineOf(name, { state, line }));
    }
    const { line } = current.get(name) as Entry;
    runs.push({ line, manifest, created: String(line.value("created")) });
  }
  if (lines > 2 * current.size + 100) {
    log.rewrite(Buffer.concat([...current].map(([name, entry]) => lineOf(name, entry))));
  } else if (fresh.length > 0) log.append(Buffer.concat(fresh));
  runs.sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
  return { runs, unreadable };
}

function indexFile(artifacts: string, cache: string): string {
  return join(cache, "runs", `${sha256(resolve(artifacts)).slice(0, 16)}.${hostFileName()}.v${format}.txt`);
}

/** "<experiment>/<run>" and the path of the manifest, for every folder that may be a run. */
function* manifests(artifacts: string): Generator<readonly [string, string]> {
  const root = runsDir(artifacts);
  for (const experiment of namesIn(root)) {
    for (const run of namesIn(`${root}/${experiment}`)) {
      if (run !== latestLink && !run.endsWith(".json")) {
        yield [`${experiment}/${run}`, `${root}/${experiment}/${run}/manifest.json`];
      }
    }
  }
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
    return RunLine.of(readManifest(manifest));
  } catch {
    return undefined;
  }
}

function lineOf(name: string, { state, line }: Entry): Buffer {
  const body = Buffer.concat([Buffer.from(`${state}\t${encodeURIComponent(name)}\t`, "latin1"), line.bytes]);
  return Buffer.concat([Buffer.from(`${crc32(body).toString(36)} `, "latin1"), body, Buffer.from("\n")]);
}

const [newline, space, tab] = [0x0a, 0x20, 0x09];

/** Reads the cached runs. Torn and damaged lines have a wrong checksum. */
function load(log: AppendLog): { readonly entries: ReadonlyMap<string, Entry>; readonly lines: number } {
  const entries = new Map<string, Entry>();
  let lines = 0;
  const bytes = log.read();
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
        entries.set(name, { state: body.toString("latin1", 0, first), line: new RunLine(body.subarray(second + 1)) });
      }
    }
    lines++;
    start = end + 1;
  }
  return { entries, lines };
}
