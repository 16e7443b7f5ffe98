import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { changedSources } from "../pipeline/plan/stale.ts";
import { armOfStep } from "../pipeline/plan/step-ref.ts";
import { readResult } from "../pipeline/result-files.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { costOf } from "./cost.ts";
import { type Manifest, type ManifestStep, manifestFormat, manifestText, type Provenance } from "./manifest.ts";
import { placeRun, type RunStaging, runDigits, runName, runsDir } from "./run-folder.ts";
import { originFile } from "./run-origin.ts";

/** The part of the manifest that the run's steps do not determine. */
export type Sealing = RunStaging & {
  readonly artifacts: string;
  /** The experiment's file, relative to the project root, and the settings that overrode it. */
  readonly file: string;
  readonly set: readonly string[];
  readonly sweep: readonly string[];
  readonly smoke: boolean;
  /** The resolved experiment; paths relative to the project root. */
  readonly config: Experiment;
  /** The resolved experiments under `compare`, by name. */
  readonly compared: Readonly<Record<string, Experiment>>;
  /** Called only for a run that is not sealed yet. */
  provenance(): Provenance;
};

/**
 * Seals a finished run: makes its folder `runs/<experiment>/<run>/` with links to its files and manifest.json. The name
 * depends on the steps and their outputs, so that the same run keeps its first manifest. Returns the manifest's path
 * and the run's name.
 */
export function seal(
  run: PlannedRun,
  records: ReadonlyMap<PlannedStep, StoreRecord>,
  sealing: Sealing,
): { readonly run: string; readonly manifest: string } {
  const steps: Record<string, ManifestStep> = {};
  for (const [id, step] of run.steps) {
    const record = records.get(step);
    if (record !== undefined) steps[id] = manifestStep(step, record);
  }
  const name = runName(run.coordinates, runDigits(sealing.config, steps));
  const folder = join(runsDir(sealing.artifacts), run.experiment, name);
  const path = join(folder, "manifest.json");
  // A pulled run with the same outputs is replaced: everything else in its manifest is unproved.
  const isPulled = existsSync(originFile({ path }));
  if (isPulled) rmSync(folder, { recursive: true, force: true });
  if (!existsSync(path)) {
    const text = () => manifestText(manifestOf(run, name, steps, sealing));
    placeRun(folder, Object.entries(steps), text, sealing);
    if (isPulled) rmSync(originFile({ path }), { force: true });
  }
  return { run: name, manifest: path };
}

function manifestStep(step: PlannedStep, record: StoreRecord): ManifestStep {
  const stale = changedSources(record.ingredients.sources, step.sourceDigests);
  return {
    kind: step.kind.name,
    key: record.key,
    stepId: step.stepId,
    object: record.object,
    files: record.files,
    seconds: record.seconds,
    created: record.created,
    evidence: record.evidence,
    ...(stale.length > 0 ? { stale } : {}),
  };
}

function manifestOf(
  run: PlannedRun,
  name: string,
  steps: Readonly<Record<string, ManifestStep>>,
  sealing: Sealing,
): Manifest {
  const metrics = Object.entries(steps)
    .filter(([, { kind }]) => kind === "evaluate")
    .map(([id, { object }]) => [armOfStep(id), readResult("metrics.json", sealing.objectDir(object))] as const);
  return {
    schema: manifestFormat,
    experiment: run.experiment,
    run: name,
    coordinates: run.coordinates,
    role: run.role,
    smoke: sealing.smoke,
    file: sealing.file,
    set: sealing.set,
    ...(sealing.sweep.length > 0 ? { sweep: sealing.sweep } : {}),
    created: new Date().toISOString(),
    config: sealing.config,
    ...(Object.keys(sealing.compared).length > 0 ? { compared: sealing.compared } : {}),
    steps,
    arms: Object.fromEntries(metrics.map(([arm, { views }]) => [arm, views])),
    intervals: Object.fromEntries(metrics.map(([arm, { intervals }]) => [arm, intervals])),
    cost: costOf(steps),
    provenance: sealing.provenance(),
  };
}
