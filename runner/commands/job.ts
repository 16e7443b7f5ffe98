import { hostname } from "node:os";
import type { LoadedExperiment } from "../config/loaded.ts";
import type { Event } from "../execution/event.ts";
import { sameSources, thaw } from "../plugins/executors/slurm/freeze.ts";
import { requeue, stateOf } from "../plugins/executors/slurm/slurm.ts";
import {
  lastRun,
  readResult,
  readSubmission,
  rungPlaceOf,
  runName,
  type Submission,
  writeResult,
} from "../plugins/executors/slurm/submission.ts";
import { noteKeys } from "../plugins/executors/slurm/uses.ts";
import { portablePath } from "../project/site.ts";
import { readManifest } from "../runs/manifest.ts";
import { type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required } from "./command.ts";
import { writeReport } from "./report.ts";
import { runAll } from "./run.ts";

/** A job that has been started so often and still is not done will not be by being started again. */
const mostRestarts = 20;

/**
 * `exp job PLAN RUN`: what a Slurm job runs. One run of a frozen plan by its number, or by its place on a rung ("rung-2.0"); or, as
 * "last", all of them, finished by then.
 */
export const command = defineCommand({
  arguments: { plan: required("plan", "The frozen plan."), run: required("number", "A run's number, or last.") },
  options: {},
  run: ({ plan, run }, context) => runJob(plan, run, context),
});

async function runJob(file: string, run: string, context: Context): Promise<number> {
  let submission: Submission;
  try {
    submission = readSubmission(file, context.version());
  } catch (error) {
    return refused(error, context);
  }
  const original = Object.entries(submission.moved).map(([path, copy]): [string, string] => [copy, path]);
  const job = context.env.SLURM_JOB_ID ?? "";
  const restarts = Number(context.env.SLURM_RESTART_COUNT ?? 0);
  const seen: { error?: string; manifests: string[] } = { manifests: [] };
  const listen = (event: Event): void => {
    if (event.type === "step-end" && event.error !== undefined) {
      const message = original.reduce((text, [copy, path]) => text.replaceAll(copy, path), event.error.message);
      seen.error ??= `${event.step}: ${message}`;
    }
    if (event.type === "run-end" && event.manifest !== null) seen.manifests.push(event.manifest);
  };
  const write = (code: number): boolean => {
    const interrupted = context.stop.aborted && code !== exit.done;
    const manifest = run === lastRun ? undefined : seen.manifests.at(-1);
    writeResult(file, run, {
      schema: 1,
      status: code === exit.done ? "done" : interrupted ? "interrupted" : "failed",
      ...(code === exit.done || seen.error === undefined ? {} : { error: seen.error }),
      ...(manifest === undefined ? {} : { manifest }),
      ...{ job, node: context.env.SLURMD_NODENAME ?? hostname(), restarts, ended: new Date().toISOString() },
    });
    return interrupted;
  };
  let code: number;
  try {
    code = await act(submission, run, file, listen, context);
  } catch (error) {
    seen.error ??= (error as Error).message;
    if (!(error instanceof UserError)) {
      write(exit.failed);
      throw error;
    }
    code = refused(error, context);
  }
  const interrupted = write(code);
  if (interrupted && job !== "") await again(job, restarts, context);
  return code;
}

async function act(
  submission: Submission,
  run: string,
  file: string,
  listen: (event: Event) => void,
  context: Context,
): Promise<number> {
  const isLast = run === lastRun;
  const place = rungPlaceOf(run);
  const isOfAll = isLast || place !== undefined;
  const loaded = isOfAll ? finished(submission, file) : only(thaw(submission), Number(run));
  const one = submission.runs[Number(run)];
  if (loaded.length === 0) {
    const message = isOfAll ? "no run has come to its end" : `${file} has no run ${run}`;
    throw new UserError("no-frozen-plan", message, { help: "exp status says how the jobs ended" });
  }
  const back = Object.fromEntries(
    Object.entries(submission.moved).map(([path, copy]) => [
      copy,
      portablePath(path, submission.root, context.packageRoot),
    ]),
  );
  const given = {
    loaded,
    names: [one === undefined ? runName(submission.runs[0] as Submission["runs"][number]) : runName(one)],
    executor: "local" as const,
    ...(place === undefined ? {} : { place }),
    frozen: {
      back,
      packageRoot: `${submission.snapshot}/`,
      check: (plan: Parameters<typeof sameSources>[0]) => sameSources(plan, submission),
      note: noteKeys(file, run),
    },
    listen,
  };
  const sealed: string[] = [];
  const code = await runAll(
    {
      ...given,
      listen: (event) => {
        if (event.type === "run-end" && event.manifest !== null) sealed.push(event.manifest);
        listen(event);
      },
    },
    // Of several runs, those that ask for it are published when all are done.
    {
      force: [],
      ...submission.options,
      upload: submission.options.upload && (isLast || submission.runs.length === 1),
    },
    context,
  );
  if (!isLast || code !== exit.done) return code;
  const wanted = loaded.flatMap(({ points }) => points.map(({ experiment }) => experiment.report));
  if (!wanted.some(({ pdf, html }) => pdf || html)) return code;
  return writeReport(winners(sealed), { html: wanted.some(({ html }) => html) }, context);
}

/** Of a sweep that chooses, the runs that score its winner; else all. */
function winners(manifests: readonly string[]): readonly string[] {
  const chosen = manifests.filter((path) => readManifest(path).role === "final");
  return chosen.length > 0 ? chosen : manifests;
}

/** One point of what was frozen, by its number. Without its sweep: among one run nothing is selected. */
function only(loaded: readonly LoadedExperiment[], number: number): readonly LoadedExperiment[] {
  let before = 0;
  for (const { sweep: _sweep, ...one } of loaded) {
    const point = one.points[number - before];
    if (point !== undefined && number >= before) return [{ ...one, points: [point] }];
    before += one.points.length;
  }
  return [];
}

/** What the last job compares: everything, or with --keep-going what has come to its end; then nothing is selected. */
function finished(submission: Submission, file: string): readonly LoadedExperiment[] {
  const loaded = thaw(submission);
  if (!submission.options.keepGoing) return loaded;
  const folder = file.replace(/\/[^/]*$/, "");
  let number = 0;
  return loaded.flatMap(({ sweep, ...one }) => {
    const points = one.points.filter(() => {
      const status = readResult(folder, String(number++))?.status;
      return status === undefined || status === "done";
    });
    if (points.length === 0) return [];
    return [{ ...one, points, ...(sweep !== undefined && points.length === one.points.length ? { sweep } : {}) }];
  });
}

/** Has Slurm start this job again, where Slurm has stopped it for want of time or for another's sake, and nobody has cancelled it. */
async function again(job: string, restarts: number, context: Context): Promise<void> {
  if (restarts >= mostRestarts) {
    context.err(`exp: stopped, and started ${mostRestarts} times before: not put into the queue again\n`);
    return;
  }
  if ((await stateOf(job)) !== "RUNNING") return;
  if (await requeue(job)) context.err("exp: stopped by Slurm with its work kept; it is in the queue again\n");
}

function refused(error: unknown, context: Context): number {
  if (!(error instanceof UserError)) throw error;
  context.err(`exp: ${error.message} [${error.code}]\n${error.help === undefined ? "" : `  help: ${error.help}\n`}`);
  return exit.failed;
}
