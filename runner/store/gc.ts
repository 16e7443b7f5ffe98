import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { processes } from "./claims.ts";
import { Pins } from "./manifest-references.ts";
import { Keys, names } from "./records.ts";
import type { Store } from "./store.ts";

/** Names of what stays, asked anew for each: it may grow meanwhile. */
export type Kept = { has(name: string): boolean };

/** How much to collect. */
export type GcOptions = {
  /** Bytes that the store may hold: the least recently used go first until it does. Absent: all that nothing refers to goes. */
  readonly maxSize?: number;
  readonly dryRun?: boolean;
  /** Digests of objects that stay besides those of runs and running processes. */
  readonly keep?: Kept;
};

/** One object's bytes that went, or would go. */
export type Collected = {
  readonly object: string;
  readonly bytes: number;
  /** Keys that pointed to it; their records stay. */
  readonly keys: readonly string[];
};

/** What a collection did, in bytes. `after` above maxSize means that runs or running processes refer to that much. */
export type GcResult = { readonly collected: readonly Collected[]; readonly before: number; readonly after: number };

/**
 * Drops objects' bytes and keeps records, so that keys stay known. What a run's manifest, a running process or `keep`
 * refers to stays; of the rest the least recently used goes first. Throws UserError `manifest-unreadable`.
 */
export function gc(store: Store, options: GcOptions = {}): GcResult {
  const pins = new Pins(store.root);
  const { objects: used } = processes(join(store.root, "store", "running"));
  const stored = inventory(store);
  const before = stored.reduce((sum, entry) => sum + entry.bytes, 0);
  const loose = stored
    .filter(({ object }) => !pins.has(object) && !used.has(object) && !options.keep?.has(object))
    .sort((a, b) => a.lastUse - b.lastUse || (a.object < b.object ? -1 : 1));

  const collected: Collected[] = [];
  let after = before;
  for (const { object, bytes, keys } of loose) {
    if (options.maxSize !== undefined && after <= options.maxSize) break;
    // A run that ends while this collects gives its claims back once its manifest stands: hence the second look.
    const isPinned = (): boolean => pins.has(object) || options.keep?.has(object) === true;
    if (!options.dryRun && !store.collect(object, isPinned)) continue;
    collected.push({ object, bytes, keys });
    after -= bytes;
  }
  if (!options.dryRun) store.sweepStaging();
  return { collected, before, after };
}

type Entry = Collected & { readonly lastUse: number };

function inventory(store: Store): readonly Entry[] {
  const keys = new Keys(join(store.root, "store", "keys"));
  const byObject = new Map<string, { bytes: number; keys: string[]; lastUse: number }>();
  for (const key of keys.list()) {
    const record = keys.read(key);
    if (!record) continue;
    const bytes = Object.values(record.files).reduce((sum, file) => sum + file.size, 0);
    const entry = byObject.get(record.object) ?? { bytes, keys: [], lastUse: 0 };
    entry.keys.push(key);
    entry.lastUse = Math.max(entry.lastUse, keys.lastUse(key));
    byObject.set(record.object, entry);
  }
  return names(join(store.root, "store", "objects")).map((object) => {
    const dir = store.objectDir(object);
    return { object, ...(byObject.get(object) ?? { bytes: sizeOf(dir), keys: [], lastUse: statSync(dir).mtimeMs }) };
  });
}

/** Bytes of every file below a folder. */
export function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
