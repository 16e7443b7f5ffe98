import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { isSmoke } from "../config/smoke.ts";
import type { Event } from "../execution/event.ts";
import type { Outcome } from "../execution/scheduler.ts";
import type { Plan, PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import type { Planned } from "../pipeline/sweep/planned.ts";
import type { DraftedPoint } from "../pipeline/sweep/planner.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Project } from "../project/project.ts";
import { locksOf, openProvenance, seedsIn } from "../runs/provenance.ts";
import { makeLatest } from "../runs/run-folder.ts";
import { type Sealing, seal } from "../runs/seal.ts";
import { type Json, sha256 } from "../util/canonical.ts";
import type { Context } from "../util/context.ts";
import { fileInside } from "../util/inside.ts";
import type { Sealed } from "./ablations.ts";
import type { RunOptions } from "./options.ts";
import { succeeded } from "./outcome.ts";

type SealInput = Pick<Planned, "points"> & {
  readonly options: RunOptions;
  readonly project: Project;
  readonly context: Context;
  readonly emit: (event: Event) => void;
};

/** Seals every run whose steps all succeeded, and emits how each run ended. With --until nothing is sealed. */
export function sealRuns(
  plan: Plan,
  outcomes: ReadonlyMap<PlannedStep, Outcome>,
  { points, options: { until, set, sweep = [] }, project, context, emit }: SealInput,
): readonly Sealed[] {
  const records = new Map<PlannedStep, StoreRecord>();
  for (const [step, outcome] of outcomes) {
    if ("record" in outcome && outcome.record !== undefined) records.set(step, outcome.record);
  }
  const provenance = openProvenance({
    exp: context.version(),
    root: project.root,
    gpus: project.machine.gpus as unknown as Json,
    imageOf: context.env.EXP_COMMIT,
  });
  const latest = new Map<string, string>();
  const sealed: Sealed[] = [];
  for (const run of plan.runs) {
    const ends = [...run.steps.values()].map((step) => outcomes.get(step));
    if (!ends.every((outcome) => outcome !== undefined && succeeded(outcome))) {
      const interrupted = ends.some((outcome) => outcome?.status === "skipped" && outcome.because === "interrupted");
      emit({ type: "run-end", run: nameOf(run), status: interrupted ? "interrupted" : "failed", manifest: null });
      continue;
    }
    if (until !== undefined) {
      emit({ type: "run-end", run: nameOf(run), status: "done", manifest: null });
      continue;
    }
    const sealing = sealingOf(run, points.get(run) as DraftedPoint, { set, sweep }, project, provenance);
    const { run: name, manifest } = seal(run, records, sealing);
    latest.set(run.experiment, manifest);
    sealed.push({ run, manifest });
    emit({ type: "run-end", run: name, status: "done", manifest });
  }
  for (const manifest of latest.values()) makeLatest(manifest);
  return sealed;
}

function sealingOf(
  run: PlannedRun,
  { experiment, compared, file }: DraftedPoint,
  typed: Pick<Sealing, "set" | "sweep">,
  project: Project,
  provenance: ReturnType<typeof openProvenance>,
): Sealing {
  const { artifacts, store, site } = project;
  const config = site.portable(experiment);
  return {
    artifacts,
    file: site.portable(file),
    ...typed,
    smoke: isSmoke(experiment.name),
    config,
    compared: site.portable(Object.fromEntries(compared.map((other) => [other.name, other]))),
    objectDir: (object) => store.objectDir(object),
    stage() {
      const staged = store.stage("run");
      return { dir: staged.dir, discard: () => store.discard(staged) };
    },
    provenance() {
      const sources: Record<string, string> = {};
      for (const step of run.steps.values()) {
        for (const [name, path] of Object.entries(step.draft.sources)) {
          if (!name.startsWith("recipes/")) sources[site.portable(path)] = step.sourceDigests[name] as string;
        }
      }
      const rationale = rationaleOf([experiment, ...compared], project);
      return provenance({ locks: locksOf(run.steps.values()), seeds: seedsIn(config), sources, rationale });
    },
  };
}

/** The README.md in the folders of prompt templates, with their digests. That of the project describes other things. */
function rationaleOf(experiments: readonly Experiment[], { root, site }: Project): Record<string, string> {
  const templates = experiments.flatMap(({ prompt }) => [prompt.template, prompt.zero_shot ?? []].flat());
  const found: Record<string, string> = {};
  for (const folder of new Set(templates.map((template) => dirname(resolve(root, template))))) {
    const path = fileInside(root, relative(root, join(folder, "README.md")));
    if (folder !== resolve(root) && path !== undefined) found[site.portable(path)] = sha256(readFileSync(path));
  }
  return found;
}

function nameOf({ experiment, coordinates }: PlannedRun): string {
  return coordinates === "" ? experiment : `${experiment}/${coordinates}`;
}
