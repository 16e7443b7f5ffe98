import { existsSync, openSync, readdirSync, readFileSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { keysDir, type SubmissionAt } from "./submission.ts";

/** Notes in a frozen plan's folder the keys that one of its jobs needs or makes; each once in this process. */
export function noteKeys(plan: string, run: string): (key: string) => void {
  const noted = new Set<string>();
  let file: number | undefined;
  return (key) => {
    if (noted.has(key)) return;
    file ??= openSync(join(keysDir(dirname(plan)), run), "a");
    writeSync(file, `${key}\n`);
    noted.add(key);
  };
}

/** Keys that a run's job has noted so far. */
export function keysNoted(folder: string, run: string): readonly string[] {
  return readKeys(join(keysDir(folder), run));
}

/**
 * What jobs that wait or run need of the store, by what was noted: keys, and the objects that these stand for now. Asked
 * again it sees what jobs have noted meanwhile.
 */
export class Uses {
  readonly #folders: readonly string[];
  readonly #objectOf: (key: string) => string | undefined;
  /** File of keys -> how much of it was read, in bytes. */
  readonly #read = new Map<string, number>();
  readonly #keys = new Set<string>();
  readonly #objects = new Set<string>();
  /** Keys that nothing was stored under yet. */
  readonly #open = new Set<string>();

  constructor(submissions: readonly SubmissionAt[], objectOf: (key: string) => string | undefined) {
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
        if (!this.#keys.has(key)) this.#open.add(key);
        this.#keys.add(key);
      }
    }
    for (const key of this.#open) {
      const object = this.#objectOf(key);
      if (object === undefined) continue;
      this.#open.delete(key);
      this.#objects.add(object);
    }
    return set;
  }
}

/** A line that is being written is no key yet; a file that is not there has none. */
function readKeys(file: string): readonly string[] {
  return existsSync(file) ? (readFileSync(file, "utf8").match(/[0-9a-f]{64}(?=\n)/g) ?? []) : [];
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    // Of a submission by a version that noted nothing.
    return [];
  }
}
