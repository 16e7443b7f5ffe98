import { existsSync, readlinkSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { namesIn } from "../util/names-in.ts";
import { pathKind } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { latestLink, runName, runNameDigits, runsDir } from "./run-folder.ts";
import { isTrackedAs, isTrackedName } from "./trackers.ts";

/** A finished run and the path of its manifest. */
export type FinishedRun = { readonly manifest: Manifest; readonly path: string };

/** Reads the run whose manifest is at a path. Throws like readManifest. */
export const readRun = (path: string): FinishedRun => ({ path, manifest: readManifest(path) });

/** The label of a run: "<experiment>/<run>". */
export const runLabel = ({ manifest }: Pick<FinishedRun, "manifest">): string =>
  `${manifest.experiment}/${manifest.run}`;

/** A run whose manifest cannot be read. */
export type UnreadableRun = {
  /** "<experiment>/<run>", from the names of the folders. */
  readonly label: string;
  /** The path of the manifest. */
  readonly path: string;
  readonly error: UserError;
};

/** Every finished run that can be read, oldest first, and the others. */
export function listReadableRuns(artifacts: string): {
  readonly runs: readonly FinishedRun[];
  readonly unreadable: readonly UnreadableRun[];
} {
  const unreadable: UnreadableRun[] = [];
  const runs = namesIn(runsDir(artifacts)).flatMap((experiment) =>
    runFolders(join(runsDir(artifacts), experiment)).flatMap((name) => {
      const path = join(runsDir(artifacts), experiment, name, "manifest.json");
      if (!existsSync(path)) return [];
      const run = tryRun(path);
      if ("manifest" in run) return [run];
      unreadable.push(run);
      return [];
    }),
  );
  return { runs: runs.sort(byAge), unreadable };
}

/** Reads the run whose manifest is at a path, or the reason why it cannot be read. */
function tryRun(path: string): FinishedRun | UnreadableRun {
  try {
    return readRun(path);
  } catch (error) {
    const label = `${basename(dirname(dirname(path)))}/${basename(dirname(path))}`;
    const known = error instanceof UserError ? error : new UserError("manifest-unreadable", (error as Error).message);
    return { label, path, error: known };
  }
}

/** The paths of the manifests in an experiment's folder. */
function manifestsIn(folder: string): readonly string[] {
  return runFolders(folder)
    .map((run) => join(folder, run, "manifest.json"))
    .filter((path) => existsSync(path));
}

/** The finished runs in an experiment's folder, oldest first. */
export function runsIn(folder: string): readonly FinishedRun[] {
  return manifestsIn(folder).map(readRun).sort(byAge);
}

/**
 * The finished runs of an experiment at given coordinates, oldest first. Coordinates that give the same folder name are
 * not distinguished. Reads the manifests of these runs only, and skips those that cannot be read.
 */
export function runsAt(artifacts: string, experiment: string): (coordinates: string) => readonly FinishedRun[] {
  const folder = join(runsDir(artifacts), experiment);
  const byStem = new Map<string, string[]>();
  for (const run of runFolders(folder)) {
    const stem = run.slice(0, -runNameDigits);
    const same = byStem.get(stem) ?? [];
    same.push(run);
    byStem.set(stem, same);
  }
  return (coordinates) =>
    (byStem.get(runName(coordinates, "")) ?? [])
      .map((run) => join(folder, run, "manifest.json"))
      .filter((path) => existsSync(path))
      .flatMap((path) => readableRun(path) ?? [])
      .sort(byAge);
}

/** The run of a manifest; undefined if it cannot be read. */
function readableRun(path: string): FinishedRun | undefined {
  const run = tryRun(path);
  return "manifest" in run ? run : undefined;
}

/**
 * The run that a user names by a run id or its last digits, by an experiment (its latest run), by a path, or by the
 * name of its training in a tracker (the latest such run). Throws UserError: run-not-found, manifest-unreadable,
 * manifest-format.
 */
export const findRun = (name: string, artifacts: string, cwd: string): FinishedRun =>
  readRun(findManifest(name, artifacts, cwd));

/** The same, for a check of the run: its manifest may be unreadable. Throws UserError run-not-found. */
export const findAnyRun = (name: string, artifacts: string, cwd: string): FinishedRun | UnreadableRun =>
  tryRun(findManifest(name, artifacts, cwd));

/** The path of the manifest of the run that a user names. Throws UserError run-not-found. */
function findManifest(name: string, artifacts: string, cwd: string): string {
  const path = resolve(cwd, name);
  if (pathKind(path) === "file") return path;
  if (existsSync(join(path, "manifest.json"))) return join(path, "manifest.json");

  const latest = latestPath(artifacts, name);
  if (latest !== undefined) return latest;

  const experiments = namesIn(runsDir(artifacts)).toSorted();
  const found = experiments.flatMap((experiment) => {
    const short = name.startsWith(`${experiment}/`) ? name.slice(experiment.length + 1) : name;
    return runFolders(join(runsDir(artifacts), experiment))
      .filter((run) => run === short || (short.length >= 4 && run.endsWith(short)))
      .map((run) => join(runsDir(artifacts), experiment, run, "manifest.json"));
  });
  if (found.length === 1 && existsSync(found[0] as string)) return found[0] as string;
  if (found.length > 1) {
    throw runNotFound(`"${name}" matches ${found.length} runs`, `name one of ${found.map(dirname).join(", ")}`);
  }
  const tracked = isTrackedName(name) ? listReadableRuns(artifacts).runs : [];
  const run = tracked.findLast(({ manifest }) => isTrackedAs(manifest, name));
  if (run !== undefined) return run.path;
  const help =
    experiments.length === 0
      ? "run an experiment first: exp run FILE"
      : `finished experiments: ${experiments.join(", ")}. exp ls lists their runs`;
  throw runNotFound(`there is no finished run "${name}"`, help);
}

/** The error for a name that means no finished run. */
export function runNotFound(message: string, help?: string): UserError {
  return new UserError("run-not-found", message, { help, status: "invalid" });
}

/** The latest finished run of an experiment; undefined if there is none that this version can read. */
export function latestManifest(artifacts: string, experiment: string): FinishedRun | undefined {
  const path = latestPath(artifacts, experiment);
  return path === undefined ? undefined : readableRun(path);
}

/** The path of the manifest of an experiment's latest run; undefined if there is none. */
function latestPath(artifacts: string, experiment: string): string | undefined {
  const folder = join(runsDir(artifacts), experiment);
  try {
    const path = join(folder, readlinkSync(join(folder, latestLink)), "manifest.json");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Names of the run folders in an experiment's folder, sorted. */
function runFolders(folder: string): readonly string[] {
  return namesIn(folder)
    .filter((name) => name !== latestLink)
    .toSorted();
}

function byAge(a: FinishedRun, b: FinishedRun): number {
  return a.manifest.created < b.manifest.created ? -1 : 1;
}
