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
import { isListing, type StoredFile } from "../../pipeline/plan/record.ts";
import type { Digests } from "../../store/digest.ts";
import type { Store } from "../../store/store.ts";
import type { DiskStore } from "../remotes/disk-store.ts";

/** Number of markers to keep. If files of the newest one are truncated, the one before it is used. */
const markersKept = 2;
/** Files of the protocol between the runner and a Python step. A resume does not need them. */
const protocol = new Set(["request.json", "progress.jsonl", "result.json"]);

/** The state of a work folder: a line "path inode size mtime" per file. `settled` leaves out files that are only appended to. */
export type WorkState = { readonly settled: string; readonly whole: string };

/** The state of a work folder; undefined if it has nothing that a resume needs. */
export function stateOf(folder: string): WorkState | undefined {
  const seen = filesIn(folder).map((name) => {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false });
    return [name, `${name} ${stat?.ino} ${stat?.size} ${stat?.mtimeMs}`] as const;
  });
  if (seen.length === 0) return undefined;
  const settled = seen.map(([name, line]) => (isAppended(name) ? name : line));
  return { settled: settled.join("\n"), whole: seen.map(([, line]) => line).join("\n") };
}

/**
 * Copies the files of a work folder that a resume needs, then a marker that lists them. Makes hard links to the files first,
 * since the running step may delete old checkpoints meanwhile. If the folder has changed since `seen`, copies nothing and gives
 * false.
 */
export async function putWork(
  disk: DiskStore,
  given: {
    readonly key: string;
    readonly folder: string;
    readonly seen: WorkState;
    readonly store: Pick<Store, "stage" | "discard">;
    readonly digests: Pick<Digests, "plainFileAsync">;
  },
): Promise<boolean> {
  const { key, folder, seen, store, digests } = given;
  const linked = store.stage("mirror");
  try {
    const names = filesIn(folder);
    for (const name of names) linkOrCopy(join(folder, name), join(linked.dir, name));
    if (stateOf(folder)?.settled !== seen.settled) return false;
    const files: Record<string, StoredFile> = {};
    for (const name of names) {
      const path = join(linked.dir, name);
      const file = isAppended(name) ? currentBytes(path) : await digests.plainFileAsync(path);
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
    store.discard(linked);
  }
}

/** Restores the newest complete copy of a work folder, unless the folder has files. Returns whether it did. */
export async function takeWork(
  disk: DiskStore,
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

/** Deletes the copies of a work folder, markers first. */
export async function deleteWork(disk: DiskStore, key: string): Promise<void> {
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
 * Whether a file is only appended to, so that its beginning can be copied at any moment: JSON Lines, and files of a trainer's
 * loggers. They change with every training step, and a checkpoint must not wait for them.
 */
const isAppended = (name: string): boolean => name.endsWith(".jsonl") || name.startsWith("reports/");

/** Names of the complete files that a resume may need, sorted. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".partial"))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !protocol.has(name))
    .sort();
}

/** Makes a hard link. If the file is gone, the caller notices the changed state. */
function linkOrCopy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch (error) {
    // The disk has no hard links. The digest shows whether the file changed during the copy.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") copyFileSync(from, to);
  }
}

function currentBytes(path: string): StoredFile {
  const bytes = readFileSync(path);
  return { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
}

/** Markers of a key, newest first. */
async function markersOf(disk: DiskStore, key: string): Promise<readonly string[]> {
  const names = await disk.names(`work/${key}`);
  return names
    .filter((name) => /^\d{8}\.json$/.test(name))
    .toSorted()
    .reverse();
}

async function readMarker(disk: DiskStore, key: string, marker: string) {
  try {
    const value = JSON.parse((await disk.readText(`work/${key}/${marker}`)) ?? "") as Record<string, unknown>;
    return value.schema === 1 && value.key === key && isListing(value.files) ? value.files : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function takeAll(disk: DiskStore, key: string, files: Readonly<Record<string, StoredFile>>, into: string) {
  for (const [name, file] of Object.entries(files)) {
    if (!(await disk.take(fileName(key, file), join(into, name), file))) return false;
  }
  return true;
}

/** Deletes old markers, and files that no remaining marker lists. */
async function prune(disk: DiskStore, key: string): Promise<void> {
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
