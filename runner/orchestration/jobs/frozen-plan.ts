import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { LoadedExperiment } from "../../config/loaded.ts";
import { recipeFiles, takeSnapshot } from "../../execution/snapshot.ts";
import { snapshotName } from "../../execution/source-snapshot.ts";
import type { Plan } from "../../pipeline/plan/plan.ts";
import { UserError } from "../../util/user-error.ts";
import { copiesDir, type Submission } from "./submission.ts";

/**
 * Copies the small sources of a plan and the recipes, which may be edited before a job starts. Large sources are
 * watched instead.
 */
export function freezeSources(
  plan: Plan,
  loaded: readonly LoadedExperiment[],
  given: { readonly artifacts: string; readonly packageRoot: string },
): Pick<Submission, "snapshot" | "copies" | "watched"> {
  const named = new Set(loaded.flatMap(({ points }) => textsIn(points)));
  const digests = new Map<string, string>();
  for (const { draft, sourceDigests } of plan.steps) {
    for (const [name, path] of Object.entries(draft.sources)) {
      if (!path.startsWith(join(given.packageRoot, "recipes/"))) digests.set(path, sourceDigests[name] as string);
    }
  }
  // A source whose path the experiment contains can be read from a copy: frozenExperiments() replaces the path. Files
  // that belong to a folder, such as a model's, cannot.
  const own = [...digests.keys()].filter((path) => named.has(path));
  const sources: Record<string, string> = { ...recipeFiles(given.packageRoot) };
  const locks = readdirSync(join(given.packageRoot, "recipes/locks")).filter((name) => name.endsWith(".lock"));
  for (const name of locks) sources[`recipes/locks/${name}`] = join(given.packageRoot, "recipes/locks", name);
  for (const path of own) sources[snapshotName(path)] = path;
  const snapshot = takeSnapshot(copiesDir(given.artifacts), sources);
  const copies: Record<string, string> = {};
  const watched: Record<string, string> = {};
  for (const name of locks) {
    copies[join(given.packageRoot, "recipes/locks", name)] = snapshot.path(`recipes/locks/${name}`);
  }
  for (const [path, digest] of digests) {
    const copied = named.has(path) ? snapshot.digests[snapshotName(path)] : undefined;
    if (copied === undefined) watched[path] = digest;
    else if (copied === digest) copies[path] = snapshot.path(snapshotName(path));
    else throw sourceChanged(path);
  }
  return { snapshot: snapshot.folder, copies, watched };
}

/** The experiments of a frozen plan, with the paths of their sources replaced by those of the copies. */
export function frozenExperiments({ loaded, copies }: Submission): readonly LoadedExperiment[] {
  return loaded.map((one) => ({ ...one, points: replaceTexts(one.points, copies) }));
}

/** Throws UserError if a watched source changed since the plan was frozen. */
export function checkWatched({ steps }: Plan, { watched }: Submission): void {
  for (const { draft, sourceDigests } of steps) {
    for (const [name, path] of Object.entries(draft.sources)) {
      const before = watched[path];
      if (before !== undefined && before !== sourceDigests[name]) throw sourceChanged(path);
    }
  }
}

function sourceChanged(path: string): UserError {
  return new UserError("source-changed", `${path} changed since it was submitted`, {
    help: "submit again: steps that do not depend on it are cached",
  });
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** A copy of a JSON value in which every string that is a key of `replacements` has its replacement. */
export function replaceTexts<T>(value: T, replacements: Readonly<Record<string, string>>): T {
  if (typeof value === "string") return (replacements[value] ?? value) as T;
  if (Array.isArray(value)) return value.map((item) => replaceTexts(item, replacements)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceTexts(item, replacements)])) as T;
}
