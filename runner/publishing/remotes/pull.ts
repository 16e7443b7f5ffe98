import { copyFileSync, existsSync, mkdirSync, renameSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StoredFile, StoreRecord } from "../../pipeline/plan/record.ts";
import { latestManifest, runLabel } from "../../runs/finished-runs.ts";
import type { ManifestStep } from "../../runs/manifest.ts";
import { makeLatest, placeRun, runsDir } from "../../runs/run-folder.ts";
import { writeOrigin } from "../../runs/run-origin.ts";
import type { Digests } from "../../store/digest.ts";
import type { Store } from "../../store/store.ts";
import { UserError } from "../../util/user-error.ts";
import { fileName, readRecord } from "./layout.ts";
import type { Transfer } from "./push.ts";
import type { PushedRun } from "./pushed-runs.ts";
import type { RemoteStore } from "./remote-store.ts";

/** What a pull needs. With `trust` the records become cache hits of this store. */
type Parts = { readonly store: Store; readonly digests: Digests; readonly from: string; readonly trust: boolean };

/**
 * Copies a run from a remote store: the files that this store lacks, then its origin with the records of its steps, then
 * its manifest. Then the run can be shown and reported. Its records are evidence for this run alone: a user with
 * write access to the remote store can store any result under any key. A repeated pull fetches only the missing files. Throws
 * UserError copy-damaged, and those of the remote store.
 */
export async function pull(remote: RemoteStore, { manifest, text }: PushedRun, parts: Parts): Promise<Transfer> {
  const { store } = parts;
  const counts = { files: 0, moved: 0, bytes: 0 };
  const records: Record<string, StoreRecord> = {};
  for (const [id, step] of Object.entries(manifest.steps)) {
    counts.files += Object.keys(step.files).length;
    const { taken, record } = await pullStep(remote, `${runLabel({ manifest })}, ${id}`, step, parts);
    if (record !== undefined) records[record.key] = record;
    counts.moved += taken.length;
    counts.bytes += taken.reduce((sum, { size }) => sum + size, 0);
  }
  const { experiment, run } = manifest;
  const folder = join(runsDir(store.root), experiment, run);
  const path = join(folder, "manifest.json");
  if (!existsSync(path)) {
    const stage = () => {
      const staged = store.stage("run");
      return { dir: staged.dir, discard: () => store.discard(staged) };
    };
    const objectDir = (object: string): string => store.objectDir(object);
    mkdirSync(dirname(folder), { recursive: true });
    writeOrigin({ path }, { schema: 1, from: parts.from, at: new Date().toISOString(), records });
    placeRun(folder, Object.entries(manifest.steps), () => text, { stage, objectDir });
  }
  const latest = latestManifest(store.root, experiment);
  if (latest === undefined || latest.manifest.created < manifest.created) makeLatest(path);
  return { experiment, run, ...counts };
}

/** Stores the outputs of a step. Returns the fetched files, and the record if the remote store has it for these outputs. */
async function pullStep(
  remote: RemoteStore,
  name: string,
  { kind, key, object, files }: ManifestStep,
  parts: Parts,
): Promise<{ readonly taken: readonly StoredFile[]; readonly record: StoreRecord | undefined }> {
  const { store, trust } = parts;
  const found = await readRecord(remote, key);
  const record = found?.object === object && found.ingredients.kind === kind ? found : undefined;
  const isImported = trust && record !== undefined;
  const isHere = store.claimIfIntact({ object, files });
  if (isHere && (!isImported || store.record(key) !== undefined)) return { taken: [], record };
  const staged = store.stage(key);
  const arrived = join(store.root, "work", "pulled");
  try {
    const taken: StoredFile[] = [];
    const distinct = new Map(Object.entries(files).map(([path, file]) => [file.sha256, { path, file }]));
    for (const { path, file } of distinct.values()) {
      const to = join(arrived, file.sha256);
      if (isFetched(to, file, parts.digests)) continue;
      const partial = `${to}.${process.pid}`;
      mkdirSync(arrived, { recursive: true });
      if (isHere) copyFileSync(join(store.objectDir(object), path), partial);
      else if (await remote.take(fileName(file), partial, file)) taken.push(file);
      else throw damaged(name, path);
      renameSync(partial, to);
    }
    // Moved only when the step is complete, so that a repeated pull finds the files of this one.
    const placed = new Map<string, string>();
    for (const [path, { sha256 }] of Object.entries(files)) {
      const to = join(staged.dir, path);
      mkdirSync(dirname(to), { recursive: true });
      const twin = placed.get(sha256);
      if (twin === undefined) renameSync(join(arrived, sha256), to);
      else copyFileSync(twin, to);
      placed.set(sha256, to);
    }
    const isStored = isImported ? await store.importRecord(staged, record) : await store.importObject(staged, object);
    if (!isStored) throw damaged(name, Object.keys(files).join(", "));
    return { taken, record };
  } finally {
    store.discard(staged);
    dropEmpty(arrived);
  }
}

function isFetched(path: string, { sha256 }: StoredFile, digests: Digests): boolean {
  return digests.plainFile(path)?.sha256 === sha256;
}

function damaged(run: string, file: string): UserError {
  return new UserError("copy-damaged", `${run}: the copy of ${file} is missing, truncated or damaged`, {
    help: "delete it there, push the run again, then pull again. Fetched files are kept",
  });
}

function dropEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is not empty, or does not exist.
  }
}
