import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StoredFile, StoreRecord } from "../pipeline/plan/record.ts";
import { namesIn } from "../util/names-in.ts";
import { activeClaims } from "./claims.ts";
import { type Listing, listingDigest } from "./digest.ts";
import { deadLocks } from "./lock.ts";
import { ManifestReferences } from "./manifest-references.ts";
import { Records } from "./records.ts";
import type { Store } from "./store.ts";

/** Something in the store that differs from what was written, or that nothing needs. */
export type Finding = {
  /**
   * - `object`: a file of a stored folder is damaged or missing.
   * - `extra`: a file in a stored folder was not stored with it.
   * - `record`: the record of a key is torn or changed.
   * - `missing`: an object that a run refers to does not exist.
   * - `unknown-file`: exp did not write it.
   * - `abandoned`: a dead process left it behind. Harmless.
   * - `orphan`: an intact object that neither a record nor a run refers to. Harmless.
   */
  readonly kind: "object" | "extra" | "record" | "missing" | "unknown-file" | "abandoned" | "orphan";
  /** Relative to the artifacts folder. */
  readonly path: string;
  /** "was changed", "is missing", … */
  readonly what: string;
  /** The object that the finding concerns. */
  readonly object?: string;
};

/** Whether a finding means damage. The others only take space. */
export const isFlaw = ({ kind }: Finding): boolean => kind !== "abandoned" && kind !== "orphan";

/** Reads a file's digest and size; a string is the reason why it cannot be read. */
export type FileReader = (path: string) => StoredFile | string;

/**
 * Checks every stored file against its record, every record against its key, and the references of every run. Throws UserError:
 * manifest-unreadable.
 */
export function inspect(store: Pick<Store, "root" | "objectDir">, read: FileReader): readonly Finding[] {
  const folder = join(store.root, "store");
  const keyRecords = new Records(join(folder, "keys"));
  const found: Finding[] = [];
  const add = (kind: Finding["kind"], path: string, what: string, object?: string): void => {
    found.push({ kind, path: relative(store.root, path), what, ...(object === undefined ? {} : { object }) });
  };

  const records = new Map<string, StoreRecord>();
  for (const key of keyRecords.keys()) {
    const record = keyRecords.read(key);
    if (record !== undefined && isOf(key, record)) records.set(record.object, record);
    else add("record", keyRecords.path(key), record === undefined ? "is torn" : "is not the record of its key");
  }
  const references = new ManifestReferences(store.root);
  const objects = namesIn(join(folder, "objects"));
  for (const object of objects.toSorted()) {
    const dir = store.objectDir(object);
    if (!/^[0-9a-f]{64}$/.test(object) || !lstatSync(dir).isDirectory()) {
      add("unknown-file", dir, "was not written by exp");
      continue;
    }
    const before = found.length;
    const files = records.get(object)?.files;
    checkObject(dir, object, files, read, (kind, file, what) => add(kind, join(dir, file), what, object));
    if (found.length === before && files === undefined && !references.has(object)) {
      add("orphan", dir, "is intact, but nothing refers to it", object);
    }
  }
  const existing = new Set(objects);
  for (const [object, runs] of references.byObject()) {
    if (!existing.has(object))
      add("missing", store.objectDir(object), `is missing, but ${runs.join(", ")} refers to it`, object);
  }
  for (const path of abandonedPaths(folder)) add("abandoned", path, "was left behind by a dead process");
  return found;
}

function isOf(key: string, { ingredients, files, object }: StoreRecord): boolean {
  try {
    return keyOf(ingredients) === key && listingDigest(files) === object;
  } catch {
    return false;
  }
}

/** Checks an object against its record, or against its own name if it has no record. */
function checkObject(
  dir: string,
  object: string,
  files: Listing | undefined,
  read: FileReader,
  flaw: (kind: "object" | "extra", file: string, what: string) => void,
): void {
  const found = filesBelow(dir);
  if (files === undefined) {
    const listing: Record<string, StoredFile> = {};
    for (const file of found) {
      const actual = read(join(dir, file));
      if (typeof actual !== "string") listing[file] = actual;
    }
    if (listingDigest(listing) !== object) flaw("object", "", "was changed: its files do not match its name");
    return;
  }
  for (const [file, expected] of Object.entries(files)) {
    const path = join(dir, file);
    const actual = isLink(path) ? "was replaced by a symlink" : read(path);
    if (typeof actual === "string") flaw("object", file, actual);
    else if (actual.size !== expected.size)
      flaw("object", file, `has ${actual.size} bytes instead of ${expected.size}`);
    else if (actual.sha256 !== expected.sha256) flaw("object", file, "was changed");
  }
  for (const file of found) if (!Object.hasOwn(files, file)) flaw("extra", file, "was not stored with the others");
}

/** Paths that dead processes left behind. */
function abandonedPaths(folder: string): readonly string[] {
  // List staging folders first, then running processes: a process registers itself before it stages.
  const staged = namesIn(join(folder, "staging"));
  const { processes, abandoned } = activeClaims(join(folder, "running"), true);
  return [
    ...staged.filter((name) => !processes.has(name.split(".")[1] ?? "")).map((name) => join(folder, "staging", name)),
    ...abandoned,
    ...deadLocks(join(folder, "locks")),
  ].filter((path) => existsSync(path));
}

/** Every file and link below a folder, with "/" between names. */
function filesBelow(root: string): readonly string[] {
  const files: string[] = [];
  const folders = [""];
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (entry.isDirectory()) folders.push(`${folder}${entry.name}/`);
      else files.push(`${folder}${entry.name}`);
    }
  }
  return files.sort();
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}
