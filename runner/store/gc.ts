import { lstatSync, statSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../util/names-in.ts";
import { activeClaims } from "./claims.ts";
import { ManifestReferences } from "./manifest-references.ts";
import { Records } from "./records.ts";
import type { Store } from "./store.ts";

/** Names to keep. Queried for each name, since the set may grow meanwhile. */
export type KeepSet = { has(name: string): boolean };

/** What to delete. */
export type GcOptions = {
  /** Bytes that the store may hold. Deletes the least recently used objects first. Absent: deletes every unused object. */
  readonly maxSize?: number;
  readonly dryRun?: boolean;
  /** Digests of objects to keep, in addition to those of runs and running processes. */
  readonly keep?: KeepSet;
};

/** An object that was deleted, or would be. */
export type Collected = {
  readonly object: string;
  readonly bytes: number;
  /** Keys whose records name the object. The records stay. */
  readonly keys: readonly string[];
};

/** Sizes in bytes before and after. If `after` exceeds `maxSize`, runs or running processes use that much. */
export type GcResult = { readonly collected: readonly Collected[]; readonly before: number; readonly after: number };

/**
 * Deletes objects that no manifest, running process or `keep` names; the least recently used first. Records stay, so that keys
 * remain known. Throws UserError: manifest-unreadable.
 */
export function gc(store: Store, options: GcOptions = {}): GcResult {
  const references = new ManifestReferences(store.root);
  const { claimed } = activeClaims(join(store.root, "store", "running"));
  const objects = inventory(store);
  const before = objects.reduce((sum, { bytes }) => sum + bytes, 0);
  const unused = objects
    .filter(({ object }) => !references.has(object) && !claimed.has(object) && !options.keep?.has(object))
    .sort((a, b) => a.lastUse - b.lastUse || (a.object < b.object ? -1 : 1));

  const collected: Collected[] = [];
  let after = before;
  for (const { object, bytes, keys } of unused) {
    if (options.maxSize !== undefined && after <= options.maxSize) break;
    // A run that ends now writes its manifest before it releases its claims, so the references are queried again.
    const isKept = (): boolean => references.has(object) || options.keep?.has(object) === true;
    if (!options.dryRun && !store.deleteObject(object, isKept)) continue;
    collected.push({ object, bytes, keys });
    after -= bytes;
  }
  if (!options.dryRun) store.removeAbandoned();
  return { collected, before, after };
}

type Entry = Collected & { readonly lastUse: number };

/** Every object with its size and last use. */
function inventory(store: Store): readonly Entry[] {
  const records = new Records(join(store.root, "store", "keys"));
  const byObject = new Map<string, { bytes: number; keys: string[]; lastUse: number }>();
  for (const key of records.keys()) {
    const record = records.read(key);
    if (!record) continue;
    const bytes = Object.values(record.files).reduce((sum, file) => sum + file.size, 0);
    const entry = byObject.get(record.object) ?? { bytes, keys: [], lastUse: 0 };
    entry.keys.push(key);
    entry.lastUse = Math.max(entry.lastUse, records.lastUse(key));
    byObject.set(record.object, entry);
  }
  return namesIn(join(store.root, "store", "objects")).flatMap((object) => {
    const known = byObject.get(object);
    if (known !== undefined) return [{ object, ...known }];
    const dir = store.objectDir(object);
    const stat = statSync(dir, { throwIfNoEntry: false });
    return stat === undefined ? [] : [{ object, bytes: sizeOf(dir), keys: [], lastUse: stat.mtimeMs }];
  });
}

/** Bytes of all files below a folder. Another process may delete some meanwhile, or the folder. */
export function sizeOf(folder: string): number {
  let sum = 0;
  const folders = [folder];
  for (const path of folders) {
    for (const name of namesIn(path)) {
      const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
      if (stat?.isDirectory() === true) folders.push(join(path, name));
      else if (stat?.isFile() === true) sum += stat.size;
    }
  }
  return sum;
}
