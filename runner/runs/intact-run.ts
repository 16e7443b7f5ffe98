import { readdirSync, realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { isWholeExperiment } from "../config/whole.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { readResult } from "../pipeline/result-files.ts";
import { formOf } from "../pipeline/result-forms.ts";
import { taskOf } from "../pipeline/steps/task.ts";
import { cacheRoot } from "../setup/cache.ts";
import { type Digests, listingDigest, openDigests } from "../store/digest.ts";
import { canonicalJson, type Json } from "../util/canonical.ts";
import type { Context } from "../util/context.ts";
import { isInside } from "../util/inside.ts";
import { pathKind, readStart } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { costOf } from "./cost.ts";
import { type FinishedRun, findRun, runLabel } from "./finished-runs.ts";
import type { Manifest } from "./manifest.ts";
import { outputFolder, runDigits, runsDir } from "./run-folder.ts";
import { foreignOrigin } from "./run-origin.ts";
import { fileGone } from "./run-outputs.ts";

/**
 * Checks a run before its contents are used: its name, the digest of every result file, and the numbers that the manifest
 * repeats. Files inside output folders (weights) are not read here; upload and push check them. A file whose stat is unchanged
 * since this host last read it is not read again. Of a run from elsewhere the form of the results is checked too: its digests
 * prove nothing about what wrote them. Throws UserError: run-damaged, file-gone.
 */
export function expectIntact(run: FinishedRun, artifacts: string, digests: Digests): void {
  const { manifest, path } = run;
  const folder = dirname(path);
  const homes = [folder, join(artifacts, "store/objects"), ...storeAround(folder)];
  const isOwn = (real: string): boolean => homes.some((home) => isInside(real, home));
  const isHome = isInside(path, runsDir(artifacts));
  const damaged = (what: string): UserError =>
    new UserError("run-damaged", `${runLabel(run)}: ${what}`, {
      help: "exp verify lists all damage. exp verify --store --repair and a new run repair it",
      status: "refused",
    });
  if (!manifest.run.endsWith(runDigits(manifest.config, manifest.steps)))
    throw damaged("its configuration and outputs do not match its name");
  const listed = new Set([join(folder, "manifest.json")]);
  for (const [step, { files, object }] of Object.entries(manifest.steps)) {
    if (listingDigest(files) !== object) throw damaged(`the files of ${step} do not match its stored object`);
    for (const [name, expected] of Object.entries(files)) {
      const link = join(folder, outputFolder(step), name);
      listed.add(link);
      if (name.includes("/")) continue;
      const real = realPath(link);
      if (real === undefined) {
        if (isHome) throw fileGone(`${relative(artifacts, link)} does not exist`);
        continue;
      }
      if (!isOwn(real)) throw damaged(`${relative(folder, link)} is a link to elsewhere`);
      if (digests.plainFile(real)?.sha256 !== expected.sha256) throw damaged(`${relative(folder, link)} was changed`);
    }
  }
  const extra = resultsIn(folder, isOwn).find((file) => !listed.has(file));
  if (extra !== undefined) throw damaged(`its manifest does not list ${relative(folder, extra)}`);
  const malformed = foreignOrigin(run, artifacts) === undefined ? undefined : malformedPart(run);
  if (malformed !== undefined) throw damaged(malformed);
  const wrong = unprovedField(run);
  if (wrong !== undefined) throw damaged(`${wrong} of its manifest differs from its files`);
}

/** The stored objects of the project whose `artifacts/runs/` holds a run; none for a run that was moved alone. */
function storeAround(folder: string): readonly string[] {
  const artifacts = dirname(dirname(dirname(folder)));
  const store = join(artifacts, "store/objects");
  // With a link, a run from somewhere else could claim files of this machine.
  const isOwn = realPath(store) === join(realPath(artifacts) ?? "", "store/objects");
  return isOwn && dirname(dirname(folder)) === runsDir(artifacts) ? [store] : [];
}

/**
 * Finds a run like `findRun` and checks it like `expectIntact`. Throws their UserErrors. Warns about a manifest without the
 * result files that its scores come from.
 */
export function findIntactRun(
  name: string,
  artifacts: string,
  { cwd, env, err }: Pick<Context, "cwd" | "env" | "err">,
): FinishedRun {
  const digests = openDigests(cacheRoot(env));
  const run = findRun(name, artifacts, cwd);
  try {
    expectIntact(run, artifacts, digests);
  } finally {
    digests.flush();
  }
  const unchecked = Object.keys(run.manifest.arms).filter((arm) => realPath(scoresOf(run, arm)) === undefined);
  if (unchecked.length > 0) {
    const shown = unchecked.slice(0, mostArms).join(", ");
    const arms = unchecked.length > mostArms ? `${shown} and ${unchecked.length - mostArms} more` : shown;
    err(`warning: ${runLabel(run)} is a manifest without result files: nothing checks its scores of ${arms}\n`);
  }
  return run;
}

const mostArms = 5;

/** The file with the scores of an arm. */
const scoresOf = ({ path }: Pick<FinishedRun, "path">, arm: string): string =>
  join(dirname(path), outputFolder(stepOfArm("evaluate", arm)), "metrics.json");

/** The first field of a manifest that does not follow from the steps and their files; undefined if all do. */
export function unprovedField({ manifest, path }: FinishedRun): "cost" | "arms" | "intervals" | undefined {
  const { arms, intervals, cost, steps } = manifest;
  const same = (a: unknown, b: unknown): boolean => canonicalJson(a as Json) === canonicalJson(b as Json);
  if (!same(cost, costOf(steps))) return "cost";
  if (!same(Object.keys(arms).sort(), Object.keys(intervals).sort())) return "intervals";
  for (const [arm, views] of Object.entries(arms)) {
    if (!Object.hasOwn(steps, stepOfArm("evaluate", arm))) return "arms";
    const metrics = scoresOf({ path }, arm);
    if (realPath(metrics) === undefined) continue;
    const scored = readResult("metrics.json", metrics);
    if (!same(scored.views, views)) return "arms";
    if (!same(scored.intervals, intervals[arm])) return "intervals";
  }
  return undefined;
}

/** Largest size of a result file, in bytes: a longer text is no JavaScript string. */
const resultLimit = 500_000_000;

/** Whether the configurations of a run are experiments of this version of exp, with all defaults filled in. */
export const hasOwnSchema = ({ config, compared = {} }: Manifest): boolean =>
  [config, ...Object.values(compared)].every(isWholeExperiment);

/** The first part of a run without the form that readers rely on, as a sentence; undefined if there is none. */
export function malformedPart(run: FinishedRun): string | undefined {
  if (!hasOwnSchema(run.manifest)) {
    const { exp } = run.manifest.provenance;
    return `its configuration does not have the form of this version of exp (it was made by version ${exp})`;
  }
  const result = malformedResult(run);
  return result === undefined ? undefined : `${result} does not have the form of this result`;
}

/** The path of the first result file without the form that readers rely on; undefined if there is none. */
function malformedResult({ manifest: { config, steps }, path }: FinishedRun): string | undefined {
  const context = { task: taskOf(config), view: config.evaluate.primary.view };
  const paths = Object.entries(steps).flatMap(([step, { files }]) =>
    Object.keys(files).map((name) => join(outputFolder(step), name)),
  );
  return paths.find((name) => {
    const hasForm = formOf(name, context);
    const file = join(dirname(path), name);
    if (hasForm === undefined || realPath(file) === undefined) return false;
    const bytes = readStart(file, resultLimit + 1);
    return bytes.length > resultLimit || !hasForm(bytes.toString("utf8"));
  });
}

/**
 * The files and links in a run's folder that a reader could take for results. Links to folders are followed into the places that
 * `isOwn` accepts; each folder is read once, because links can form loops.
 */
function resultsIn(folder: string, isOwn: (real: string) => boolean, seen = new Set<string>()): readonly string[] {
  const real = realPath(folder);
  if (real === undefined || seen.has(real)) return [];
  seen.add(real);
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && pathKind(path) === "folder");
    if (isFolder) return isOwn(realPath(path) ?? path) ? resultsIn(path, isOwn, seen) : [path];
    return /\.(jsonl?|xlsx)$/.test(entry.name) ? [path] : [];
  });
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
