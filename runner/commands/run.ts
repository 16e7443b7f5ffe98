import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { pointOf } from "../config/rungs.ts";
import { ablations } from "../orchestration/ablations.ts";
import { type ExecutedRun, executeRun, type RunRequest } from "../orchestration/execute-run.ts";
import type { RunOptions } from "../orchestration/options.ts";
import { outputDir, recordIn, succeeded } from "../orchestration/outcome.ts";
import { executorOf } from "../orchestration/submit-run.ts";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import { isWinner } from "../pipeline/sweep/planned.ts";
import type { DraftedPoint } from "../pipeline/sweep/planner.ts";
import { executors } from "../plugins/executors/registry.ts";
import { loadAll } from "../project/load.ts";
import { uploadAll } from "../publishing/upload-all.ts";
import { readManifest } from "../runs/manifest.ts";
import { reportOf } from "../runs/report-path.ts";
import { ablationText } from "../terminal/ablation.ts";
import { runSummary } from "../terminal/run-summary.ts";
import { type Context, exit } from "../util/context.ts";
import { choice, defineCommand, flag, integer, list, negatedFlag, oneOrMore, value } from "./command.ts";
import { acceptStale, set, smoke, sweep, trust } from "./common-options.ts";

/** Runs the missing steps on this machine, or submits them to a job system. */
export const command = defineCommand({
  arguments: { files: oneOrMore("file", "An experiment file.") },
  options: {
    set,
    sweep,
    force: list("step", "Run this step again although it is cached."),
    until: value("step", "Stop after this step."),
    jobs: integer("n", "Run at most this many steps at once.", { min: 1 }),
    shareGpus: flag("Run steps together on one GPU if their estimated memory fits."),
    smoke,
    trust,
    acceptStale,
    mirror: value("dir", "Copy checkpoints and finished steps to this folder, and restore them from it."),
    executor: choice("name", "Run on this executor.", () => executors.names(), { default: "resources.executor" }),
    keepGoing: flag("After a failure, run the steps that do not need the failed step."),
    json: flag("Print JSON lines on stdout: an object for each event."),
    quiet: flag("Print only errors."),
    upload: negatedFlag("Do not upload the model; exp upload does it later."),
  },
  run: ({ files, smoke, ...options }, context) => runFiles(files, { ...options, smoke }, context),
});

/** Loads experiment files and runs them. Gives the exit code. */
export async function runFiles(
  files: readonly string[],
  options: RunOptions & { readonly smoke: boolean },
  context: Context,
): Promise<number> {
  const loaded = loadAll(files, options, context).map((one) => onlyRun(one, options.only));
  return runAll({ loaded, names: files, executor: executorOf(loaded, options) }, options, context);
}

/**
 * Runs loaded experiments, prints the results, writes the reports of new winners, and uploads the runs with an upload section.
 * Gives the exit code.
 */
export async function runAll(request: RunRequest, options: RunOptions, context: Context): Promise<number> {
  const done = await executeRun(request, options, context);
  if (typeof done === "number") return done;
  const { project, planned, outcomes, sealed } = done;
  const isSilent = options.json === true || options.quiet === true;
  if (!isSilent) printResults(done, request, context);
  await reportWinners(done, isSilent ? { ...context, out: () => {} } : context);
  const uploads = sealed.filter(({ run }) => planned.points.get(run)?.experiment.upload !== undefined);
  const uploaded = options.upload ? await uploadAll(uploads, { project, context, options }) : exit.done;
  return [...outcomes.values()].every(succeeded) ? uploaded : exit.failed;
}

/** Prints the summary of the last run and the table of each sweep. */
function printResults({ project, planned, outcomes, sealed }: ExecutedRun, { loaded }: RunRequest, context: Context) {
  const last = sealed.at(-1)?.manifest;
  if (last === undefined) return;
  const manifest = readManifest(last);
  context.out(runSummary(manifest, dirname(last), project.artifacts, context));
  const world = {
    recordOf: (step: PlannedStep) => recordIn(outcomes.get(step)),
    dirOf: (step: PlannedStep) => outputDir(project.store, outcomes.get(step)),
  };
  for (const one of ablations(loaded, planned, sealed, world)) context.out(ablationText(one, context));
}

/**
 * An experiment with only one of its runs, if one is selected. The sweep is left out: its selection was made before.
 */
function onlyRun(one: LoadedExperiment, only: RunOptions["only"]): LoadedExperiment {
  if (only === undefined) return one;
  const { sweep: _sweep, rungs: _rungs, ...loaded } = one;
  const found = pointOf(one, only);
  if (found === undefined) return { ...loaded, points: [] };
  const { final, ...point } = found;
  const isFinal = only.role === "final" && final !== undefined;
  return { ...loaded, points: [isFinal ? { ...point, experiment: final, isCandidate: false } : point] };
}

/** Writes the report of each sweep whose winner is new, or has no report because it could not be written. */
async function reportWinners({ project, planned, sealed, outcomes }: ExecutedRun, context: Context): Promise<void> {
  const winners = sealed.filter(({ run }) => isWinner(planned, run));
  const experiments = new Map(winners.map((one) => [one.run.experiment, one]));
  for (const { run, manifest } of experiments.values()) {
    const { pdf, html } = (planned.points.get(run) as DraftedPoint).experiment.report;
    if (!pdf && !html) continue;
    const isNew = [...run.steps.values()].some((step) => outcomes.get(step)?.status === "built");
    const path = reportOf(project.artifacts, [readManifest(manifest)]);
    if (!isNew && existsSync(pdf ? path : path.replace(/\.pdf$/, ".html"))) continue;
    const { writeReport } = await import("./report.ts");
    await writeReport([dirname(manifest)], { pdf, html }, { ...context, err: () => {} });
  }
}
