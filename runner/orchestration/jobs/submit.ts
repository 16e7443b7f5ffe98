import { randomBytes } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LoadedExperiment } from "../../config/loaded.ts";
import type { Assessed } from "../../execution/assess.ts";
import type { PlannedRun, PlannedStep } from "../../pipeline/plan/plan.ts";
import type { Planned } from "../../pipeline/sweep/planned.ts";
import type { DraftedPoint } from "../../pipeline/sweep/planner.ts";
import type { Executor, JobBatch, JobResources, JobTask } from "../../plugins/executors/executor.ts";
import { nodesIn, settingsOf } from "../../plugins/executors/registry.ts";
import type { Project } from "../../project/project.ts";
import { readManifest } from "../../runs/manifest.ts";
import { acquire } from "../../store/lock.ts";
import { canonicalJson, sha256 } from "../../util/canonical.ts";
import type { Context } from "../../util/context.ts";
import { secondsOf } from "../../util/duration.ts";
import { parseSize } from "../../util/size.ts";
import { jobSystemOf, readTasks } from "./find-tasks.ts";
import { freezeSources } from "./frozen-plan.ts";
import { keyRecorder, recordedKeys } from "./recorded-keys.ts";
import {
  type JobOptions,
  lastTask,
  listSubmissions,
  logsDir,
  rungRunOf,
  rungTask,
  type SubmittedRun,
  submissionsLock,
  writeJobs,
  writeSubmission,
} from "./submission.ts";
import { isLive } from "./task.ts";

/** A plan to submit, and what is known about its steps. */
export type SubmitRequest = {
  readonly planned: Planned;
  readonly loaded: readonly LoadedExperiment[];
  readonly expected: ReadonlyMap<PlannedStep, Assessed>;
  readonly options: JobOptions;
  readonly project: Project;
  readonly executor: Executor;
};

/** What was submitted. `submission` is null if nothing had to be. */
export type SubmitReport = {
  readonly submission: string | null;
  /** Ids of the jobs or job arrays, without the last job. */
  readonly jobs: readonly string[];
  /** The job that compares and reports after all runs. */
  readonly last: string | null;
  /** How many runs were submitted, were queued or running before, and were done before. */
  readonly missing: number;
  readonly live: number;
  readonly done: number;
};

/**
 * Freezes a plan and submits a job for each run that is neither finished nor queued, and a last job that compares and
 * reports. Throws UserError if the job system refuses.
 */
export async function submit(request: SubmitRequest, context: Context): Promise<SubmitReport> {
  const { planned, project, options, loaded, executor } = request;
  const lock = await acquire(submissionsLock(project.artifacts), { signal: context.stop });
  try {
    const runs = planned.plan.runs.map((run) => submittedRun(run, options));
    const { missing, live, done, needsLast } = await sortRuns(request, runs);
    if (missing.length === 0 && !needsLast) {
      return { submission: null, jobs: [], last: null, missing: 0, live: live.length, done };
    }
    const created = new Date().toISOString();
    const id = `${created.slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-")}-${randomBytes(2).toString("hex")}`;
    const plan = writeSubmission(project.artifacts, {
      ...{ schema: 1, id, executor: executor.name, exp: context.version(), created, root: project.root },
      ...freezeSources(planned.whole, loaded, { artifacts: project.artifacts, packageRoot: context.packageRoot }),
      ...{ loaded, options, runs },
    });
    recordNeededKeys(plan, request, runs, missing);
    const folder = dirname(plan);
    const common = {
      command: [process.execPath, join(context.packageRoot, "dist/cli.js"), "job", plan],
      ...{ submission: id, folder, logs: logsDir(folder), cwd: project.root },
    };
    const system = await jobSystemOf(executor.name);
    const accepted: Record<string, string> = {};
    const submitBatch = (name: string, tasks: readonly JobTask[], after: JobBatch["after"]) =>
      system.submit({ ...common, name, tasks, after }, (jobs) => {
        Object.assign(accepted, jobs);
        writeJobs(plan, accepted);
      });
    try {
      const jobs: string[] = [];
      const success = !options.keepGoing;
      if (missing.length > 0) {
        const tasks = missing.map((index) => taskOf(String(index), index, request));
        jobs.push(...(await submitBatch("runs", tasks, { jobs: [], success: true })));
      }
      if (needsLast) {
        let after: JobBatch["after"] = { jobs: [...jobs, ...live], success };
        for (const { rung, runs: count } of furtherRungs(loaded)) {
          const tasks = Array.from({ length: count }, (_, index) => taskOf(rungTask({ rung, index }), 0, request));
          const own = await submitBatch(`rung-${rung}`, tasks, after);
          jobs.push(...own);
          // Each job of the next rung would otherwise repeat the runs that failed on this one.
          after = { jobs: own, success: true };
        }
        await submitBatch("last", [lastTaskOf(request)], { jobs: [...jobs, ...live], success });
      }
      const last = accepted[lastTask] ?? null;
      return { submission: id, jobs, last, missing: missing.length, live: live.length, done };
    } catch (error) {
      if (Object.keys(accepted).length === 0) rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  } finally {
    lock.release();
  }
}

/** Records the keys that the jobs need, so that a collection keeps them until the jobs have started. */
function recordNeededKeys(
  plan: string,
  { expected, project }: SubmitRequest,
  runs: readonly SubmittedRun[],
  missing: readonly number[],
): void {
  const record = keyRecorder(plan, "submitted");
  for (const { status, key } of expected.values()) if (status === "cached" && key !== null) record(key);
  // A node may compute another key for a step than this machine does. So the keys of earlier jobs of the same runs are
  // needed too.
  const again = new Set(missing.map((index) => runs[index]?.id));
  const all = new Set(runs.map(({ id }) => id));
  for (const { folder, submission, jobs } of listSubmissions(project.artifacts)) {
    const isSameSweep = submission.runs.some(({ id }) => all.has(id));
    for (const task of Object.keys(jobs)) {
      const isNeeded = rungRunOf(task) === undefined ? again.has(submission.runs[Number(task)]?.id) : isSameSweep;
      if (isNeeded) for (const key of recordedKeys(folder, task)) record(key);
    }
  }
}

/** The later rungs of successive halving, and the number of their runs: remaining settings times seeds. */
function furtherRungs(
  loaded: readonly LoadedExperiment[],
): readonly { readonly rung: number; readonly runs: number }[] {
  const counts = new Map<number, number>();
  for (const points of loaded.flatMap(({ rungs = [] }) => rungs)) {
    const rung = points[0]?.rung;
    if (rung === undefined) continue;
    const seeds = points.length / new Set(points.map(({ setting }) => setting)).size;
    counts.set(rung.number, (counts.get(rung.number) ?? 0) + rung.settings * seeds);
  }
  return [...counts].map(([rung, runs]) => ({ rung, runs })).sort((a, b) => a.rung - b.rung);
}

/** A task with the resources that the run at `index` of the plan needs. */
function taskOf(name: string, index: number, { planned, executor }: SubmitRequest): JobTask {
  const run = planned.plan.runs[index] as PlannedRun;
  const { experiment } = planned.points.get(run) as DraftedPoint;
  const { resources, train } = experiment;
  const gpus = resources.gpus ?? Math.max(0, ...[...run.steps.values()].map(({ draft }) => draft.needs.gpus));
  const memory = parseSize(resources.memory ?? "");
  const needs: JobResources = {
    computes: true,
    nodes: train === undefined ? 1 : nodesIn(resources).nodes,
    gpus,
    ...(memory === undefined ? {} : { memory }),
    ...(resources.time === undefined ? {} : { seconds: secondsOf(resources.time) }),
    settings: settingsOf(resources, executor),
  };
  return { name, experiment: run.experiment, resources: needs };
}

/** The last task trains nothing. It generates only if a selection decides what is scored on test. */
function lastTaskOf(request: SubmitRequest): JobTask {
  const task = taskOf(lastTask, 0, request);
  return { ...task, resources: { ...task.resources, nodes: 1, computes: request.planned.selections.length > 0 } };
}

type SortedRuns = {
  /** Indices of the runs to submit. */
  readonly missing: readonly number[];
  /** Jobs that already run the others. */
  readonly live: readonly string[];
  readonly done: number;
  /** Whether a last job is needed and not yet submitted. */
  readonly needsLast: boolean;
};

/** Sorts the runs of a plan by whether they are finished, queued or running, or neither. */
async function sortRuns(
  { planned: { plan }, expected, project, options, executor }: SubmitRequest,
  runs: readonly SubmittedRun[],
): Promise<SortedRuns> {
  const submissions = listSubmissions(project.artifacts);
  // Also without earlier submissions, so that a job system that does not answer is noticed before the plan is frozen.
  const tasks = await readTasks(submissions, [executor.name]);
  const missing: number[] = [];
  const live: string[] = [];
  let done = 0;
  for (const [index, run] of plan.runs.entries()) {
    const own = tasks.filter(({ id }) => id === runs[index]?.id);
    const queued = own.find(isLive);
    if ([...run.steps.values()].every((step) => expected.get(step)?.status === "cached")) done += 1;
    else if (queued !== undefined) live.push(queued.job);
    else if (own.some(({ result }) => result?.status === "done" && isComplete(result.manifest, project))) done += 1;
    else missing.push(index);
  }
  const isSingle = plan.runs.length === 1 || options.until !== undefined;
  const hasLast = submissions.some(
    ({ submission }) =>
      runs.every(({ id }) => submission.runs.some((run) => run.id === id)) &&
      tasks.some(
        (task) =>
          task.submission === submission.id && task.task === lastTask && (isLive(task) || task.state === "done"),
      ),
  );
  return { missing, live, done, needsLast: !isSingle && (missing.length > 0 || !hasLast) };
}

/**
 * Whether every object of a sealed run is stored. The job may have computed other keys for its steps than this machine
 * does.
 */
function isComplete(manifest: string | undefined, { store }: Project): boolean {
  if (manifest === undefined || !existsSync(manifest)) return false;
  const { steps } = readManifest(manifest);
  return Object.values(steps).every(({ object }) => existsSync(store.objectDir(object)));
}

function submittedRun(run: PlannedRun, { until, acceptStale }: JobOptions): SubmittedRun {
  const { experiment, coordinates } = run;
  const steps = [...run.steps.values()].map(({ stepId }) => stepId).sort();
  const id = sha256(canonicalJson({ experiment, coordinates, steps, until: until ?? null, acceptStale })).slice(0, 16);
  return { experiment, coordinates, id };
}
