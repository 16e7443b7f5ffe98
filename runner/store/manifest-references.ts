import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../util/user-error.ts";
import { names } from "./records.ts";

/** The error for a manifest that cannot be read: it might refer to any object, so none may be deleted. */
function manifestUnreadable(path: string, reason: string): UserError {
  return new UserError("manifest-unreadable", `${path}: ${reason}. Nothing was deleted or repaired`, {
    help: "restore or delete this file first",
  });
}

/** An experiment's folder whose stat is older than this, in ms, shows every later change by another stat. */
const settled = 2_500;

/**
 * Objects that manifests under artifacts/runs/<experiment>/<run>/ name. Asked again it sees runs that were sealed meanwhile:
 * a manifest never changes, so only new ones are read. Throws UserError `manifest-unreadable`.
 */
export class Pins {
  readonly #runs: string;
  /** Object -> the runs that refer to it, as "<experiment>/<run>". */
  readonly #pinned = new Map<string, string[]>();
  readonly #read = new Set<string>();
  /** Experiment -> the stat of its folder, once that tells of every change. */
  readonly #seen = new Map<string, bigint>();

  constructor(root: string) {
    this.#runs = join(root, "runs");
  }

  has(object: string): boolean {
    this.#refresh();
    return this.#pinned.has(object);
  }

  all(): ReadonlyMap<string, readonly string[]> {
    this.#refresh();
    return this.#pinned;
  }

  #refresh(): void {
    for (const experiment of names(this.#runs)) {
      const folder = join(this.#runs, experiment);
      const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined || !stat.isDirectory() || this.#seen.get(experiment) === stat.mtimeNs) continue;
      for (const run of names(folder)) this.#readRun(`${experiment}/${run}`);
      if (Math.abs(Date.now() - Number(stat.mtimeNs / 1_000_000n)) > settled) this.#seen.set(experiment, stat.mtimeNs);
    }
  }

  #readRun(run: string): void {
    if (this.#read.has(run)) return;
    const objects = objectsOf(join(this.#runs, run, "manifest.json"));
    if (objects === undefined) return;
    this.#read.add(run);
    for (const object of objects) this.#pinned.set(object, [...(this.#pinned.get(object) ?? []), run]);
  }
}

/** Objects that a manifest names; undefined where there is none (yet). */
function objectsOf(path: string): readonly string[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    // A run that has not ended has no manifest yet, and its process says what it uses.
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
