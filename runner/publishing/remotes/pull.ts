import { copyFileSync, existsSync, mkdirSync, renameSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { latestManifest } from "../../runs/finished-runs.ts";
import type { ManifestStep } from "../../runs/manifest.ts";
import { makeLatest, placeRun, runsDir } from "../../runs/run-folder.ts";
import type { Digests } from "../../store/digest.ts";
import type { Store } from "../../store/store.ts";
import { UserError } from "../../util/user-error.ts";
import { fileName, recordIn, recordName } from "../mirror/step-copies.ts";
import type { Moved } from "./push.ts";
import type { ShelvedRun } from "./pushed-runs.ts";
import type { RemoteStore } from "./remote-store.ts";

type Parts = { readonly store: Store; readonly digests: Digests };

/**
 * Takes a run from a shelf: the files that this store lacks, each by its digest, then the records of its steps, and its manifest
 * last, so that it can be shown, reported, and built upon. A file that has arrived is not fetched again by the next try.
 * Throws UserError (copy-damaged), and what the shelf throws.
 */
export async function pull(shelf: RemoteStore, { manifest, text }: ShelvedRun, parts: Parts): Promise<Moved> {
  const { store } = parts;
  const counts = { files: 0, moved: 0, bytes: 0 };
  for (const [id, step] of Object.entries(manifest.steps)) {
    counts.files += Object.keys(step.files).length;
    const taken = await pullStep(shelf, `${manifest.experiment}/${manifest.run}, ${id}`, step, parts);
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
    placeRun(folder, Object.entries(manifest.steps), () => text, { stage, objectDir });
  }
  const latest = latestManifest(store.root, experiment);
  if (latest === undefined || latest.manifest.created < manifest.created) makeLatest(path);
  return { experiment, run, ...counts };
}

/** Makes a step's outputs stand in the store, with their record where the shelf has it. Gives the files that were fetched. */
async function pullStep(
  shelf: RemoteStore,
  name: string,
  { key, object, files }: ManifestStep,
  parts: Parts,
): Promise<readonly StoredFile[]> {
  const { store } = parts;
  const isHere = store.claimIfIntact({ object, files });
  if (isHere && store.record(key) !== undefined) return [];
  const record = recordIn(await shelf.readText(recordName(key)), key);
  const isOurs = record?.object === object;
  if (isHere && !isOurs) return [];
  const staged = store.stage(key);
  const arrived = join(store.root, "work", "pulled");
  try {
    const taken: StoredFile[] = [];
    const distinct = new Map(Object.entries(files).map(([path, file]) => [file.sha256, { path, file }]));
    for (const { path, file } of distinct.values()) {
      const to = join(arrived, file.sha256);
      if (isWaiting(to, file, parts.digests)) continue;
      const partial = `${to}.${process.pid}`;
      mkdirSync(arrived, { recursive: true });
      if (isHere) copyFileSync(join(store.objectDir(object), path), partial);
      else if (await shelf.take(fileName(file), partial, file)) taken.push(file);
      else throw damaged(name, path);
      renameSync(partial, to);
    }
    // Only when all of the step is here, so that the next try finds what this one has fetched.
    const placed = new Map<string, string>();
    for (const [path, { sha256 }] of Object.entries(files)) {
      const to = join(staged.dir, path);
      mkdirSync(dirname(to), { recursive: true });
      const twin = placed.get(sha256);
      if (twin === undefined) renameSync(join(arrived, sha256), to);
      else copyFileSync(twin, to);
      placed.set(sha256, to);
    }
    const isStored = isOurs ? await store.importRecord(staged, record) : await store.importObject(staged, object);
    if (!isStored) throw damaged(name, Object.keys(files).join(", "));
    return taken;
  } finally {
    store.discard(staged);
    dropEmpty(arrived);
  }
}

function isWaiting(path: string, { sha256 }: StoredFile, digests: Digests): boolean {
  return digests.plainFile(path)?.sha256 === sha256;
}

function damaged(run: string, file: string): UserError {
  return new UserError("copy-damaged", `${run}: the copy of ${file} is missing, cut short or damaged`, {
    help: "delete it there and push the run again from where it was made; what has arrived is kept",
  });
}

function dropEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or never made.
  }
}
