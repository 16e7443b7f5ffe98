import { existsSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { readOwnFile } from "../../util/regular-file.ts";
import { keysDir, type StoredSubmission } from "./submission.ts";

/** Returns a function that records the keys which a task needs or builds, each once per process. */
export function keyRecorder(plan: string, task: string): (key: string) => void {
  const recorded = new Set<string>();
  let file: number | undefined;
  return (key) => {
    if (recorded.has(key)) return;
    file ??= openSync(join(keysDir(dirname(plan)), task), "a");
    writeSync(file, `${key}\n`);
    recorded.add(key);
  };
}

/** Keys that a task has recorded so far. */
export function recordedKeys(folder: string, task: string): readonly string[] {
  return readKeys(join(keysDir(folder), task));
}

/**
 * Keys that the jobs of submissions recorded, and the objects that are stored under them. Each query reads what was
 * recorded since the last one, because jobs may start during a collection.
 */
export class RecordedKeys {
  readonly #folders: readonly string[];
  readonly #objectOf: (key: string) => string | undefined;
  /** File of keys -> bytes of it that were read. */
  readonly #read = new Map<string, number>();
  readonly #keys = new Set<string>();
  readonly #objects = new Set<string>();
  /** Keys under which nothing was stored yet. */
  readonly #pending = new Set<string>();

  constructor(submissions: readonly StoredSubmission[], objectOf: (key: string) => string | undefined) {
    this.#folders = submissions.map(({ folder }) => keysDir(folder));
    this.#objectOf = objectOf;
  }

  get keys(): { has(key: string): boolean } {
    return { has: (key) => this.#refreshed(this.#keys).has(key) };
  }

  get objects(): { has(object: string): boolean } {
    return { has: (object) => this.#refreshed(this.#objects).has(object) };
  }

  #refreshed(set: ReadonlySet<string>): ReadonlySet<string> {
    for (const file of this.#folders.flatMap(filesOf)) {
      const size = statSync(file).size;
      if (size === this.#read.get(file)) continue;
      this.#read.set(file, size);
      for (const key of readKeys(file)) {
        if (!this.#keys.has(key)) this.#pending.add(key);
        this.#keys.add(key);
      }
    }
    for (const key of this.#pending) {
      const object = this.#objectOf(key);
      if (object === undefined) continue;
      this.#pending.delete(key);
      this.#objects.add(object);
    }
    return set;
  }
}

/** Complete lines only: the last one may be half-written. */
function readKeys(file: string): readonly string[] {
  return existsSync(file) ? (readOwnFile(file).match(/[0-9a-f]{64}(?=\n)/g) ?? []) : [];
}

function filesOf(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}
