import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StoredFile, StoreRecord } from "../pipeline/plan/record.ts";
import { processes } from "./claims.ts";
import { type Listing, listingDigest } from "./digest.ts";
import { deadLocks } from "./lock.ts";
import { Pins } from "./manifest-references.ts";
import { Keys, names } from "./records.ts";
import type { Store } from "./store.ts";

/** Something in the store that is not as it was written, or that nobody needs. */
export type Finding = {
  /**
   * `object`: a stored folder with a file that is damaged or missing. `extra`: a file in it that was not stored. `record`: a
   * key's record that is torn or changed. `missing`: what a run refers to is not there. `stranger`: nothing that exp writes.
   * `leftover`: of a process that is gone; harmless. `orphan`: whole, but neither a record nor a run refers to it; harmless.
   */
  readonly kind: "object" | "extra" | "record" | "missing" | "unknown-file" | "leftover" | "orphan";
  /** Relative to the artifacts folder. */
  readonly path: string;
  /** "was changed", "is missing", … */
  readonly what: string;
  /** The object, for those that are about one. */
  readonly object?: string;
};

/** Findings that make a store less than whole; the others cost nothing but space. */
export const isFlaw = ({ kind }: Finding): boolean => kind !== "leftover" && kind !== "orphan";

/** A file's digest and size, read now, or in words why there is none. */
export type Look = (path: string) => StoredFile | string;

/** Holds every stored file against its record, every record against its key, and every run against what is stored. Throws UserError `manifest-unreadable`. */
export function inspect(store: Pick<Store, "root" | "objectDir">, look: Look): readonly Finding[] {
  const folder = join(store.root, "store");
  const keys = new Keys(join(folder, "keys"));
  const found: Finding[] = [];
  const add = (kind: Finding["kind"], path: string, what: string, object?: string): void => {
    found.push({ kind, path: relative(store.root, path), what, ...(object === undefined ? {} : { object }) });
  };

  const records = new Map<string, StoreRecord>();
  for (const key of keys.list()) {
    const record = keys.read(key);
    if (record !== undefined && isOf(key, record)) records.set(record.object, record);
    else add("record", keys.path(key), record === undefined ? "is torn" : "is not the record of its key");
  }
  const pins = new Pins(store.root);
  const objects = names(join(folder, "objects"));
  for (const object of objects.toSorted()) {
    const dir = store.objectDir(object);
    if (!/^[0-9a-f]{64}$/.test(object) || !lstatSync(dir).isDirectory()) {
      add("unknown-file", dir, "is nothing that exp has stored");
      continue;
    }
    const before = found.length;
    const files = records.get(object)?.files;
    held(dir, object, files, look, (kind, file, what) => add(kind, join(dir, file), what, object));
    if (found.length === before && files === undefined && !pins.has(object)) {
      add("orphan", dir, "is whole, but nothing refers to it", object);
    }
  }
  const there = new Set(objects);
  for (const [object, runs] of pins.all()) {
    if (!there.has(object))
      add("missing", store.objectDir(object), `is missing, and ${runs.join(", ")} refers to it`, object);
  }
  for (const path of leftovers(folder)) add("leftover", path, "was left by a process that is gone");
  return found;
}

function isOf(key: string, { ingredients, files, object }: StoreRecord): boolean {
  try {
    return keyOf(ingredients) === key && listingDigest(files) === object;
  } catch {
    return false;
  }
}

/** Holds an object against its record, or against its own name where there is none. */
function held(
  dir: string,
  object: string,
  files: Listing | undefined,
  look: Look,
  flaw: (kind: "object" | "extra", file: string, what: string) => void,
): void {
  const there = filesBelow(dir);
  if (files === undefined) {
    const listing: Record<string, StoredFile> = {};
    for (const file of there) {
      const read = look(join(dir, file));
      if (typeof read !== "string") listing[file] = read;
    }
    if (listingDigest(listing) !== object) flaw("object", "", "was changed: its files are not those of its name");
    return;
  }
  for (const [file, expected] of Object.entries(files)) {
    const path = join(dir, file);
    const read = isLink(path) ? "was replaced by a symlink" : look(path);
    if (typeof read === "string") flaw("object", file, read);
    else if (read.size !== expected.size) flaw("object", file, `has ${read.size} bytes of ${expected.size}`);
    else if (read.sha256 !== expected.sha256) flaw("object", file, "was changed");
  }
  for (const file of there) if (!Object.hasOwn(files, file)) flaw("extra", file, "is not part of what was stored");
}

/** What processes that are gone have left half-made. */
function leftovers(folder: string): readonly string[] {
  // Listed before the living are: whoever stages after that has said before that it lives.
  const staged = names(join(folder, "staging"));
  const { living, left } = processes(join(folder, "running"), true);
  return [
    ...staged.filter((name) => !living.has(name.split(".")[1] ?? "")).map((name) => join(folder, "staging", name)),
    ...left,
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
