import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { LoadedExperiment } from "../../../config/loaded.ts";
import { recipeFiles, takeSnapshot } from "../../../execution/snapshot.ts";
import { snapshotName } from "../../../execution/source-snapshot.ts";
import type { Plan } from "../../../pipeline/plan/plan.ts";
import { UserError } from "../../../util/user-error.ts";
import { frozenDir, type Submission } from "./submission.ts";

/** Copies what a plan reads and jobs may yet find edited: its small sources, and the recipes. Large ones are told apart. */
export function freeze(
  plan: Plan,
  loaded: readonly LoadedExperiment[],
  given: { readonly artifacts: string; readonly packageRoot: string },
): Pick<Submission, "snapshot" | "moved" | "watched"> {
  const named = new Set(loaded.flatMap(({ points }) => textsIn(points)));
  const digests = new Map<string, string>();
  for (const { draft, sourceDigests } of plan.steps) {
    for (const [name, path] of Object.entries(draft.sources)) {
      if (!path.startsWith(join(given.packageRoot, "recipes/"))) digests.set(path, sourceDigests[name] as string);
    }
  }
  // What an experiment names by its path can be read from another one; the files of a model's folder cannot.
  const own = [...digests.keys()].filter((path) => named.has(path));
  const sources: Record<string, string> = { ...recipeFiles(given.packageRoot) };
  const locks = readdirSync(join(given.packageRoot, "recipes/locks")).filter((name) => name.endsWith(".lock"));
  for (const name of locks) sources[`recipes/locks/${name}`] = join(given.packageRoot, "recipes/locks", name);
  for (const path of own) sources[snapshotName(path)] = path;
  const snapshot = takeSnapshot(frozenDir(given.artifacts), sources);
  const moved: Record<string, string> = {};
  const watched: Record<string, string> = {};
  for (const name of locks) {
    moved[join(given.packageRoot, "recipes/locks", name)] = snapshot.path(`recipes/locks/${name}`);
  }
  for (const [path, digest] of digests) {
    const copied = named.has(path) ? snapshot.digests[snapshotName(path)] : undefined;
    if (copied === undefined) watched[path] = digest;
    else if (copied === digest) moved[path] = snapshot.path(snapshotName(path));
    else throw changed(path);
  }
  return { snapshot: snapshot.folder, moved, watched };
}

/** The frozen experiments, reading their copied sources where these lie now. */
export function thaw({ loaded, moved }: Submission): readonly LoadedExperiment[] {
  return loaded.map((one) => ({ ...one, points: renamed(one.points, moved) }));
}

/** Throws UserError where a large source is no longer what was submitted. */
export function sameSources({ steps }: Plan, { watched }: Submission): void {
  for (const { draft, sourceDigests } of steps) {
    for (const [name, path] of Object.entries(draft.sources)) {
      const was = watched[path];
      if (was !== undefined && was !== sourceDigests[name]) throw changed(path);
    }
  }
}

function changed(path: string): UserError {
  return new UserError("source-changed", `${path} changed since it was submitted`, {
    help: "submit again: what does not depend on it is cached",
  });
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The same value with every text that is a name in `names` replaced by what stands there. */
export function renamed<T>(value: T, names: Readonly<Record<string, string>>): T {
  if (typeof value === "string") return (names[value] ?? value) as T;
  if (Array.isArray(value)) return value.map((item) => renamed(item, names)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renamed(item, names)])) as T;
}
