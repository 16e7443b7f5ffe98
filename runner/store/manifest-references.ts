import { statSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../util/names-in.ts";
import { readOwnFile } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";

/** The error for a manifest that cannot be read. It might refer to any object, so none may be deleted. */
function manifestUnreadable(path: string, reason: string): UserError {
  return new UserError("manifest-unreadable", `cannot read ${path}: ${reason}. Nothing was deleted or repaired`, {
    help: "restore the file, or delete the run's folder",
  });
}

/** Age from which the stat of a folder shows every later change. ms */
const settledAge = 2_500;

/**
 * The objects that manifests refer to. Each query includes the runs sealed since the last one. A manifest never changes, so
 * each is read once. Queries throw UserError: manifest-unreadable.
 */
export class ManifestReferences {
  readonly #runs: string;
  /** Object -> the runs that refer to it, as "<experiment>/<run>". */
  readonly #runsOf = new Map<string, string[]>();
  readonly #read = new Set<string>();
  /** Experiment -> the modification time of its folder at the last reading, if that was old enough. */
  readonly #readAt = new Map<string, bigint>();

  constructor(root: string) {
    this.#runs = join(root, "runs");
  }

  has(object: string): boolean {
    this.#refresh();
    return this.#runsOf.has(object);
  }

  /** Object -> the runs that refer to it. */
  byObject(): ReadonlyMap<string, readonly string[]> {
    this.#refresh();
    return this.#runsOf;
  }

  #refresh(): void {
    for (const experiment of namesIn(this.#runs)) {
      const folder = join(this.#runs, experiment);
      const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined || !stat.isDirectory() || this.#readAt.get(experiment) === stat.mtimeNs) continue;
      for (const run of namesIn(folder)) this.#readRun(`${experiment}/${run}`);
      if (Math.abs(Date.now() - Number(stat.mtimeNs / 1_000_000n)) > settledAge)
        this.#readAt.set(experiment, stat.mtimeNs);
    }
  }

  #readRun(run: string): void {
    if (this.#read.has(run)) return;
    const objects = objectsOf(join(this.#runs, run, "manifest.json"));
    if (objects === undefined) return;
    this.#read.add(run);
    for (const object of objects) this.#runsOf.set(object, [...(this.#runsOf.get(object) ?? []), run]);
  }
}

/** Objects that a manifest refers to, whatever its format; undefined if there is no manifest (yet). */
function objectsOf(path: string): readonly string[] | undefined {
  let text: string;
  try {
    text = readOwnFile(path);
  } catch (error) {
    // A running process has no manifest yet. Its claims list what it uses.
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  let manifest: { readonly steps?: Readonly<Record<string, { readonly object?: unknown }>> } | null;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw manifestUnreadable(path, (error as Error).message);
  }
  if (typeof manifest?.steps !== "object") throw manifestUnreadable(path, "it has no steps");
  return [
    ...new Set(
      Object.values(manifest.steps).flatMap((step) => (typeof step?.object === "string" ? [step.object] : [])),
    ),
  ];
}
