import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import type { Digests } from "../../store/digest.ts";
import type { Store } from "../../store/store.ts";
import type { Disk } from "../remotes/disk-store.ts";
import { isListing } from "../remotes/listing.ts";

/** Markers that stay: should the last connection have cut the newest one's files short, the one before counts. */
const markersKept = 2;
/** What the runner and a Python step tell each other: no resume needs it. */
const protocol = new Set(["request.json", "progress.jsonl", "result.json"]);

/** What a work folder looks like: path -> "inode size mtime". Lines that are only ever added to say nothing by changing. */
export type Look = { readonly settled: string; readonly whole: string };

/** Looks at a work folder; undefined where there is nothing that a resume could need. */
export function lookAt(folder: string): Look | undefined {
  const seen = filesIn(folder).map((name) => {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false });
    return [name, `${name} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs}`] as const;
  });
  if (seen.length === 0) return undefined;
  const settled = seen.map(([name, line]) => (isAppended(name) ? name : line));
  return { settled: settled.join("\n"), whole: seen.map(([, line]) => line).join("\n") };
}

/**
 * Copies what a resume needs of a work folder: files first, then a marker that lists them. The folder is frozen by hard
 * links before, since the step goes on and drops old checkpoints meanwhile. Gives false, and nothing counts, where the
 * folder is no longer as it was `seen`.
 */
export async function putWork(
  disk: Disk,
  given: {
    readonly key: string;
    readonly folder: string;
    readonly seen: Look;
    readonly store: Pick<Store, "stage" | "discard">;
    readonly digests: Pick<Digests, "plainFileAsync">;
  },
): Promise<boolean> {
  const { key, folder, seen, store, digests } = given;
  const frozen = store.stage("mirror");
  try {
    const names = filesIn(folder);
    for (const name of names) freeze(join(folder, name), join(frozen.dir, name));
    if (lookAt(folder)?.settled !== seen.settled) return false;
    const files: Record<string, StoredFile> = {};
    for (const name of names) {
      const path = join(frozen.dir, name);
      const file = isAppended(name) ? bytesNow(path) : await digests.plainFileAsync(path);
      if (file === undefined) return false;
      files[name] = file;
      await disk.put(fileName(key, file), path, file);
    }
    const markers = await markersOf(disk, key);
    const next = String(Number(markers[0]?.slice(0, 8) ?? 0) + 1).padStart(8, "0");
    await disk.writeText(`work/${key}/${next}.json`, `${JSON.stringify({ schema: 1, key, files })}\n`);
    await prune(disk, key);
    return true;
  } finally {
    store.discard(frozen);
  }
}

/** Puts the newest whole copy of a work folder in its place, unless something is there already: true when it did. */
export async function takeWork(
  disk: Disk,
  given: { readonly key: string; readonly folder: string; readonly store: Pick<Store, "stage" | "discard"> },
): Promise<boolean> {
  const { key, folder, store } = given;
  if (existsSync(folder) && filesIn(folder).length > 0) return false;
  for (const marker of await markersOf(disk, key)) {
    const files = await readMarker(disk, key, marker);
    if (files === undefined) continue;
    const staged = store.stage("mirror");
    try {
      if (!(await takeAll(disk, key, files, staged.dir))) continue;
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(dirname(folder), { recursive: true });
      renameSync(staged.dir, folder);
      return true;
    } finally {
      store.discard(staged);
    }
  }
  return false;
}

/** Removes what a finished step no longer needs, markers first. */
export async function dropWork(disk: Disk, key: string): Promise<void> {
  const names = await disk.names(`work/${key}`);
  if (names.length === 0) return;
  const markers = names.filter((name) => name.endsWith(".json"));
  for (const name of [...markers, ...names.filter((name) => !name.endsWith(".json"))]) {
    await disk.remove(`work/${key}/${name}`);
  }
  await disk.removeFolder(`work/${key}`);
}

const fileName = (key: string, { sha256 }: StoredFile): string => `work/${key}/${sha256}`;

/**
 * A file that only ever grows, so that its beginning is whole at any moment: lines, and what a trainer's own loggers write
 * with every step of it, for which a checkpoint must not wait.
 */
const isAppended = (name: string): boolean => name.endsWith(".jsonl") || name.startsWith("reports/");

/** Names of the files that a resume may need, sorted; half-written ones are left out. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".partial"))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !protocol.has(name))
    .sort();
}

/** A second name for a file's bytes. A file that went meanwhile is noticed by the look that follows. */
function freeze(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch (error) {
    // A disk without hard links: a checkpoint is copied, and a change meanwhile is noticed by its digest.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") copyFileSync(from, to);
  }
}

function bytesNow(path: string): StoredFile {
  const bytes = readFileSync(path);
  return { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
}

/** Markers of a key, newest first. */
async function markersOf(disk: Disk, key: string): Promise<readonly string[]> {
  const names = await disk.names(`work/${key}`);
  return names
    .filter((name) => /^\d{8}\.json$/.test(name))
    .toSorted()
    .reverse();
}

async function readMarker(disk: Disk, key: string, marker: string) {
  try {
    const value = JSON.parse((await disk.readText(`work/${key}/${marker}`)) ?? "") as Record<string, unknown>;
    return value.schema === 1 && value.key === key && isListing(value.files) ? value.files : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function takeAll(disk: Disk, key: string, files: Readonly<Record<string, StoredFile>>, into: string) {
  for (const [name, file] of Object.entries(files)) {
    if (!(await disk.take(fileName(key, file), join(into, name), file))) return false;
  }
  return true;
}

/** Removes markers beyond those that are kept, and files that none of the kept ones lists. */
async function prune(disk: Disk, key: string): Promise<void> {
  const markers = await markersOf(disk, key);
  const listed = new Set<string>();
  for (const marker of markers.slice(0, markersKept)) {
    listed.add(marker);
    for (const { sha256 } of Object.values((await readMarker(disk, key, marker)) ?? {})) listed.add(sha256);
  }
  for (const name of await disk.names(`work/${key}`)) {
    if (!listed.has(name)) await disk.remove(`work/${key}/${name}`);
  }
}
