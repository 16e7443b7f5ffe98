import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, normalize, sep } from "node:path";
import { canonicalJson, sha256 } from "../util/canonical.ts";
import { writeFileAtomic } from "../util/write-file.ts";

/** Mode of a snapshot's folders: Python imports from them, so no other user may write there. */
const privateMode = 0o700;

/** Larger sources are not copied. Bytes */
const maxBytes = 4 * 2 ** 20;

/** Copies of small sources as they were when the run started. */
export type Snapshot = {
  /** Contains recipes/: Python imports from here. */
  readonly folder: string;
  /** Logical name -> sha256 of the copied bytes, to compare with the plan. A source that was not copied is absent. */
  readonly digests: Readonly<Record<string, string>>;
  /** The path of a source's copy, or of the original of a folder or a large file. */
  path(name: string): string;
  /**
   * Makes the folder exact again: restores edited and missing files, and deletes whatever is not part of the snapshot.
   */
  restore(): void;
};

/**
 * Copies sources (logical name -> absolute path) to `<parent>/<digest>/<logical name>`, for this user alone. An
 * existing equal snapshot is used again and restored first. `claim` receives its name before that. Throws if a logical
 * name leads out of the folder.
 */
export function takeSnapshot(
  parent: string,
  sources: Readonly<Record<string, string>>,
  claim: (name: string) => void = () => {},
): Snapshot {
  const contents = new Map<string, Buffer>();
  const digests: Record<string, string> = {};
  for (const [name, path] of Object.entries(sources)) {
    if (isAbsolute(name) || normalize(name).split(sep)[0] === "..")
      throw new Error(`source ${name} leads out of its folder`);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true || stat.size > maxBytes) continue;
    const bytes = readFileSync(path);
    contents.set(name, bytes);
    digests[name] = createHash("sha256").update(bytes).digest("hex");
  }
  const name = nameOf(digests);
  claim(name);
  const folder = join(parent, name);
  const restore = (): void => restoreFolder(folder, contents);
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) restore();
  else {
    rmSync(folder, { force: true });
    build(folder, contents);
  }
  return {
    restore,
    folder,
    digests,
    path(name) {
      const original = sources[name];
      if (original === undefined) throw new Error(`no source ${name}`);
      return contents.has(name) ? join(folder, name) : original;
    },
  };
}

/** Name of the folder of a snapshot, by the digests of its files. */
const nameOf = (digests: Readonly<Record<string, string>>): string => sha256(canonicalJson(digests)).slice(0, 32);

/**
 * Whether a folder has exactly the files of the snapshot that its name states, and no links. Another user may have
 * exchanged a snapshot in a shared folder since it was taken.
 */
export function isIntactSnapshot(folder: string): boolean {
  const digests: Record<string, string> = {};
  const visit = (name: string): boolean => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true)
      return readdirSync(path).every((entry) => visit(name === "" ? entry : `${name}/${entry}`));
    if (stat?.isFile() !== true || stat.size > maxBytes) return false;
    digests[name] = createHash("sha256").update(readFileSync(path)).digest("hex");
    return true;
  };
  return visit("") && nameOf(digests) === basename(folder);
}

/** Writes to a temporary folder and renames it, so that an existing snapshot is complete. */
function build(folder: string, contents: ReadonlyMap<string, Buffer>): void {
  const partial = `${folder}.${randomBytes(4).toString("hex")}.partial`;
  mkdirSync(dirname(partial), { recursive: true });
  makeFolder(partial);
  for (const [name, bytes] of contents) {
    for (const parent of parentsOf(name)) makeFolder(join(partial, parent));
    writeFileSync(join(partial, name), bytes, { mode: 0o600 });
  }
  try {
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another process has built the same snapshot.
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) throw error;
  }
}

/**
 * Restores files that were edited or removed in a snapshot, deletes every other entry, and closes it to other users.
 */
function restoreFolder(folder: string, contents: ReadonlyMap<string, Buffer>): void {
  const folders = new Set(["", ...[...contents.keys()].flatMap(parentsOf)]);
  for (const name of folders) {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() !== true) {
      rmSync(path, { force: true });
      makeFolder(path);
    } else if ((stat.mode & 0o777) !== privateMode) chmodSync(path, privateMode);
    for (const entry of readdirSync(path)) {
      const inner = name === "" ? entry : `${name}/${entry}`;
      if (!contents.has(inner) && !folders.has(inner)) rmSync(join(folder, inner), { recursive: true, force: true });
    }
  }
  for (const [name, bytes] of contents) {
    const path = join(folder, name);
    if (sameBytes(path, bytes)) continue;
    rmSync(path, { recursive: true, force: true });
    writeFileAtomic(path, bytes);
  }
}

/** Logical names of the folders above a file, outermost first: "a/b/c" -> "a", "a/b". */
function parentsOf(name: string): readonly string[] {
  const parts = normalize(name).split(sep).slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: privateMode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function sameBytes(path: string, bytes: Buffer): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.size === bytes.length && readFileSync(path).equals(bytes);
}

/**
 * The files of `<root>/recipes/` that a run may need, without tests: "recipes/common/launch.py" -> absolute path,
 * sorted.
 */
export function recipeFiles(root: string): Readonly<Record<string, string>> {
  const names: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const name = `${folder}/${entry.name}`;
      if (entry.name.startsWith(".") || entry.name === "__pycache__") continue;
      if (entry.isDirectory()) visit(name);
      else if (/\.(py|json|jinja|txt|yaml|toml)$/.test(name) && !/\/(test_[^/]*|conftest\.py)$/.test(name))
        names.push(name);
    }
  };
  visit("recipes");
  return Object.fromEntries(names.sort().map((name) => [name, join(root, name)]));
}
