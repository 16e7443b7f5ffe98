import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Manifest } from "./manifest.ts";

/** A finished run and where its manifest lies. */
export type FinishedRun = { readonly manifest: Manifest; readonly path: string };

/** No finished run goes by the name that was given. */
export class RunNotFound extends Error {}

/** Name of the link to an experiment's latest run. */
export const latestLink = "latest";

/** Folder of all runs below an artifacts folder. */
export const runsDir = (artifacts: string): string => join(artifacts, "runs");

/** Every finished run, oldest first. */
export function listRuns(artifacts: string): readonly FinishedRun[] {
  return entries(runsDir(artifacts))
    .flatMap((experiment) =>
      entries(join(runsDir(artifacts), experiment))
        .filter((run) => run !== latestLink)
        .map((run) => join(runsDir(artifacts), experiment, run, "manifest.json")),
    )
    .filter(existsSync)
    .map(readManifest)
    .sort(byAge);
}

/**
 * The name of a run's folder: its coordinates, anything odd in a value made "_", and the digits that tell runs at the same
 * coordinates apart.
 */
export function runName(coordinates: string, digits: string): string {
  return coordinates === "" ? digits : `${coordinates.replaceAll(/[^A-Za-z0-9._=,+-]/g, "_").slice(0, 120)}-${digits}`;
}

/**
 * The finished runs of an experiment at given coordinates, oldest first, and those whose coordinates have the same name. Reads no
 * other run's manifest, however many there are.
 */
export function runsAt(artifacts: string, experiment: string): (coordinates: string) => readonly FinishedRun[] {
  const folder = join(runsDir(artifacts), experiment);
  const named = new Map<string, string[]>();
  for (const run of entries(folder)) {
    const stem = run.slice(0, -digitCount);
    const same = named.get(stem) ?? [];
    same.push(join(folder, run, "manifest.json"));
    named.set(stem, same);
  }
  return (coordinates) => (named.get(runName(coordinates, "")) ?? []).filter(existsSync).map(readManifest).sort(byAge);
}

/** Digits of a run's name. */
export const digitCount = 8;

function byAge(a: FinishedRun, b: FinishedRun): number {
  return a.manifest.created < b.manifest.created ? -1 : 1;
}

/** The run that a user means by a run id, an experiment's name (its latest run), or a manifest's path. Throws RunNotFound. */
export function findRun(name: string, artifacts: string, cwd: string): FinishedRun {
  const path = resolve(cwd, name);
  if (existsSync(path) && statSync(path).isFile()) return readManifest(path);
  if (existsSync(join(path, "manifest.json"))) return readManifest(join(path, "manifest.json"));

  const latest = latestManifest(artifacts, name);
  if (latest !== undefined) return latest;

  const experiments = entries(runsDir(artifacts));
  const found = experiments.flatMap((experiment) => {
    const short = name.startsWith(`${experiment}/`) ? name.slice(experiment.length + 1) : name;
    return entries(join(runsDir(artifacts), experiment))
      .filter((run) => run === short || (short.length >= 4 && run !== latestLink && run.endsWith(short)))
      .map((run) => join(runsDir(artifacts), experiment, run, "manifest.json"));
  });
  if (found.length === 1 && existsSync(found[0] as string)) return readManifest(found[0] as string);
  if (found.length > 1) {
    throw new RunNotFound(`"${name}" names ${found.length} runs: ${found.map((one) => dirname(one)).join(", ")}`);
  }
  const known = experiments.length === 0 ? "there are none yet" : `finished experiments: ${experiments.join(", ")}`;
  throw new RunNotFound(`no finished run "${name}" (${known})`);
}

/** The latest finished run of an experiment; undefined when there is none. */
export function latestManifest(artifacts: string, experiment: string): FinishedRun | undefined {
  const folder = join(runsDir(artifacts), experiment);
  try {
    return readManifest(join(folder, readlinkSync(join(folder, latestLink)), "manifest.json"));
  } catch {
    return undefined;
  }
}

function readManifest(path: string): FinishedRun {
  try {
    return { path, manifest: JSON.parse(readFileSync(path, "utf8")) as Manifest };
  } catch (error) {
    throw new RunNotFound(`${path} is no manifest: ${(error as Error).message}`);
  }
}

function entries(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
