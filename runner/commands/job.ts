import type { LoadedExperiment } from "../config/loaded.ts";
import type { Event } from "../execution/event.ts";
import { isIntactSnapshot } from "../execution/snapshot.ts";
import type { RunRequest } from "../orchestration/execute-run.ts";
import { jobSystemOf } from "../orchestration/jobs/find-tasks.ts";
import { checkWatched, frozenExperiments } from "../orchestration/jobs/frozen-plan.ts";
import { keyRecorder } from "../orchestration/jobs/recorded-keys.ts";
import {
  lastTask,
  readResult,
  readSubmission,
  rungRunOf,
  type Submission,
  writeResult,
} from "../orchestration/jobs/submission.ts";
import { describeTask } from "../orchestration/jobs/task.ts";
import { inProcess } from "../plugins/executors/registry.ts";
import { portablePath } from "../project/site.ts";
import { originOfFile } from "../project/trust.ts";
import { readManifest } from "../runs/manifest.ts";
import { type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required } from "./command.ts";
import { writeReport } from "./report.ts";
import { runAll } from "./run.ts";

/** After so many restarts a job is not requeued again: it makes no progress between them. */
const maxRestarts = 20;

/** The command of submitted jobs: executes one task of a frozen plan and records how it ended. */
export const command = defineCommand({
  arguments: {
    plan: required("plan", "The frozen plan."),
    task: required("task", "The index of a run, rung-N.I for a run of a later rung, or last."),
  },
  options: {},
  run: ({ plan, task }, context) => runJob(plan, task, context),
});

async function runJob(plan: string, task: string, context: Context): Promise<number> {
  const submission = readSubmission(plan, context.version());
  // A plan needs no permission of its own: the command that froze it asked for that of its experiments.
  const origin = originOfFile(plan);
  if (origin !== undefined) {
    const message = `${plan} comes from ${origin}, and a plan can run code`;
    throw new UserError("untrusted", message, { help: "submit again: exp run", status: "refused" });
  }
  if (!isIntactSnapshot(submission.snapshot)) {
    const message = `the sources in ${submission.snapshot} are not those of the submission: a file was changed, added or deleted`;
    throw new UserError("frozen-sources-changed", message, { help: "submit again: exp run", status: "refused" });
  }
  const system = await jobSystemOf(submission.executor);
  const { id: job, node, restarts } = system.current(context.env);
  const observed = observer(submission);
  const record = (code: number): boolean => {
    const isInterrupted = context.stop.aborted && code !== exit.done;
    const manifest = task === lastTask ? undefined : observed.manifests.at(-1);
    writeResult(plan, task, {
      schema: 1,
      status: code === exit.done ? "done" : isInterrupted ? "interrupted" : "failed",
      ...(code === exit.done || observed.error === undefined ? {} : { error: observed.error }),
      ...(manifest === undefined ? {} : { manifest }),
      ...{ job, node, restarts, ended: new Date().toISOString() },
    });
    return isInterrupted;
  };
  const requeueIfStopped = async (code: number): Promise<void> => {
    if (!record(code)) return;
    if (restarts >= maxRestarts) context.err(`exp job: not requeued after ${maxRestarts} restarts\n`);
    else if (await system.requeue(job)) context.err("exp job: stopped with its work saved, and requeued\n");
  };
  try {
    const code = await runTask(plan, task, submission, observed, context);
    await requeueIfStopped(code);
    return code;
  } catch (error) {
    observed.error ??= (error as Error).message;
    await requeueIfStopped(exit.failed);
    throw error;
  }
}

/** What is known about the end of a run from its events. */
type Observed = { error: string | undefined; readonly manifests: string[]; onEvent(event: Event): void };

/** Observes the first error, with original paths in place of those of the copies, and the manifests that are sealed. */
function observer({ copies }: Submission): Observed {
  const observed: Observed = {
    error: undefined,
    manifests: [],
    onEvent(event) {
      if (event.type === "step-end" && event.error !== undefined) {
        const { message } = event.error;
        const text = Object.entries(copies).reduce((result, [path, copy]) => result.replaceAll(copy, path), message);
        observed.error ??= `${event.step}: ${text}`;
      }
      if (event.type === "run-end" && event.manifest !== null) observed.manifests.push(event.manifest);
    },
  };
  return observed;
}

async function runTask(
  plan: string,
  task: string,
  submission: Submission,
  { manifests, onEvent }: Observed,
  context: Context,
): Promise<number> {
  const { copies, root, snapshot, runs, options } = submission;
  const isLast = task === lastTask;
  const rungRun = rungRunOf(task);
  const needsAll = isLast || rungRun !== undefined;
  const loaded = needsAll
    ? finishedExperiments(submission, plan)
    : onlyRun(frozenExperiments(submission), Number(task));
  if (loaded.length === 0) {
    const message = needsAll ? "no run of the submission has finished" : `${plan} has no run ${task}`;
    throw new UserError("no-frozen-plan", message, { help: "exp status shows how the jobs ended" });
  }
  const request: RunRequest = {
    loaded,
    names: [describeTask(submission, task).name],
    executor: inProcess(),
    ...(rungRun === undefined ? {} : { rungRun }),
    frozen: {
      originals: Object.fromEntries(
        Object.entries(copies).map(([path, copy]) => [copy, portablePath(path, root, context.packageRoot)]),
      ),
      packageRoot: `${snapshot}/`,
      check: (whole) => checkWatched(whole, submission),
      onKey: keyRecorder(plan, task),
    },
    onEvent,
  };
  // Models of a submission with several runs are uploaded when all are done.
  const upload = options.upload && (isLast || runs.length === 1);
  const code = await runAll(request, { force: [], ...options, upload }, context);
  if (!isLast || code !== exit.done) return code;
  const reports = loaded.flatMap(({ points }) => points.map(({ experiment }) => experiment.report));
  const [pdf, html] = [reports.some((one) => one.pdf), reports.some((one) => one.html)];
  return pdf || html ? writeReport(finalRuns(manifests), { pdf, html }, context) : code;
}

/** The final runs, or all runs if the sweep selected nothing. */
function finalRuns(manifests: readonly string[]): readonly string[] {
  const final = manifests.filter((path) => readManifest(path).role === "final");
  return final.length > 0 ? final : manifests;
}

/** The experiment with only one of its runs. It has no sweep: a single run selects nothing. */
function onlyRun(loaded: readonly LoadedExperiment[], index: number): readonly LoadedExperiment[] {
  let before = 0;
  for (const { sweep: _sweep, ...one } of loaded) {
    const point = one.points[index - before];
    if (point !== undefined && index >= before) return [{ ...one, points: [point] }];
    before += one.points.length;
  }
  return [];
}

/**
 * What the last task compares: all runs, or with --keep-going those that succeeded. A sweep with failed runs selects
 * nothing.
 */
function finishedExperiments(submission: Submission, plan: string): readonly LoadedExperiment[] {
  const loaded = frozenExperiments(submission);
  if (!submission.options.keepGoing) return loaded;
  const folder = plan.replace(/\/[^/]*$/, "");
  let index = 0;
  return loaded.flatMap(({ sweep, ...one }) => {
    const points = one.points.filter(() => {
      const status = readResult(folder, String(index++))?.status;
      return status === undefined || status === "done";
    });
    if (points.length === 0) return [];
    return [{ ...one, points, ...(sweep !== undefined && points.length === one.points.length ? { sweep } : {}) }];
  });
}
