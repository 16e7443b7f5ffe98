import { dirname, relative } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { pointOf } from "../config/rungs.ts";
import { ablations } from "../orchestration/ablations.ts";
import { type ExecutedRun, executeRun, type Given } from "../orchestration/execute-run.ts";
import { executorOf } from "../orchestration/executor.ts";
import type { RunOptions } from "../orchestration/options.ts";
import { outputDir, recordIn, succeeded } from "../orchestration/outcome.ts";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { DraftedPoint } from "../pipeline/sweep/choice.ts";
import { isWinner } from "../pipeline/sweep/planned.ts";
import { loadAll } from "../project/load.ts";
import { uploadAll } from "../publishing/upload-all.ts";
import { readManifest } from "../runs/manifest.ts";
import { ablationText } from "../terminal/ablation.ts";
import { runSummary } from "../terminal/run-summary.ts";
import { type Act, type Context, exit } from "../util/context.ts";

/** `exp run`: resolves, plans, and runs what is missing here or gives it to Slurm. */
export const command: Act = async ([paths], given, context) => {
  const options = given as unknown as RunOptions;
  const jobs = options.jobs === undefined ? undefined : Number(options.jobs);
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs > 0)) {
    context.err(`exp run: --jobs takes a number from 1 on, not "${options.jobs}"\n`);
    return exit.invalid;
  }
  const all = loadAll(paths as string[], given, context);
  if (all === undefined) return exit.invalid;
  const loaded = all.map((one) => onlyRun(one, options.only));
  const executor = executorOf(loaded, options);
  if (typeof executor !== "string") {
    context.err(`exp run: ${executor.wrong}\n`);
    return exit.invalid;
  }
  return runAll({ loaded, names: paths as string[], executor }, options, context);
};

/** Carries out what was loaded, says what came of it, and uploads the runs that ask for it. Gives the exit code. */
export async function runAll(given: Given, options: RunOptions, context: Context): Promise<number> {
  const done = await executeRun(given, options, context);
  if (typeof done === "number") return done;
  const { project, points, outcomes, sealed } = done;
  if (options.json !== true && options.quiet !== true) await sayEnd(done, given, context);
  const asking = sealed.filter(({ run }) => points.get(run)?.experiment.upload !== undefined);
  const uploaded = options.upload ? await uploadAll(asking, { project, context, options }) : exit.done;
  return [...outcomes.values()].every(succeeded) ? uploaded : exit.failed;
}

/** The last run's summary, the table of each sweep, and the report of each whose winner is new. */
async function sayEnd(done: ExecutedRun, { loaded }: Given, context: Context): Promise<void> {
  const { project, planned, outcomes, sealed } = done;
  const last = sealed.at(-1)?.manifest;
  if (last === undefined) return;
  const manifest = readManifest(last);
  context.out(runSummary(manifest, relative(context.cwd, dirname(last)), project.artifacts, context));
  const world = {
    recordOf: (step: PlannedStep) => recordIn(outcomes.get(step)),
    dirOf: (step: PlannedStep) => outputDir(project.store, outcomes.get(step)),
  };
  for (const one of ablations(loaded, planned, sealed, world)) context.out(ablationText(one, context));
  await reportWinners(done, context);
}

/** A file with one of its runs alone, where one is asked for: it is known who won, and who came how far. */
function onlyRun(one: LoadedExperiment, only: RunOptions["only"]): LoadedExperiment {
  if (only === undefined) return one;
  const { sweep: _chosen, rungs: _further, ...loaded } = one;
  const found = pointOf(one, only);
  if (found === undefined) return { ...loaded, points: [] };
  const { final, ...point } = found;
  const isFinal = only.role === "final" && final !== undefined;
  return { ...loaded, points: [isFinal ? { ...point, experiment: final, isCandidate: false } : point] };
}

/** Writes the report of each sweep whose winner's run is new: it ends with what was found. */
async function reportWinners({ planned, sealed, outcomes }: ExecutedRun, context: Context): Promise<void> {
  const fresh = sealed.filter(
    ({ run }) =>
      isWinner(planned, run) && [...run.steps.values()].some((step) => outcomes.get(step)?.status === "built"),
  );
  const experiments = new Map(fresh.map((one) => [one.run.experiment, one]));
  for (const { run, manifest } of experiments.values()) {
    const { pdf, html } = (planned.points.get(run) as DraftedPoint).experiment.report;
    if (!pdf && !html) continue;
    const { command: report } = await import("./report.ts");
    await report([[dirname(manifest)]], { html }, { ...context, err: () => {} });
  }
}
