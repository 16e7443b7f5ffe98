import type { QueuedJob } from "../../plugins/executors/executor.ts";
import {
  lastTask,
  readResult,
  rungRunOf,
  runName,
  type StoredSubmission,
  type Submission,
  type TaskResult,
} from "./submission.ts";

/**
 * The state of a task. "interrupted": stopped after it saved its work; "cancelled": stopped before; "lost": ended
 * without a result, as after a crash of its node.
 */
export type TaskState = "queued" | "running" | "done" | "failed" | "interrupted" | "cancelled" | "lost";

/** One task of a submission, and its job. */
export type Task = {
  /** "sweep/train.rank=8", "sweep (rung 2, run 1)" on a later rung, "sweep (last)" for the last task. */
  readonly name: string;
  readonly experiment: string;
  /** Index of the run, "rung-2.0" or "last". */
  readonly task: string;
  /** Equal for the same run of another submission. Empty if the run is not known yet, and for the last task. */
  readonly id: string;
  /** Id in the job system. */
  readonly job: string;
  readonly state: TaskState;
  readonly node: string;
  /** Time since its last start, while it runs. */
  readonly elapsed: string;
  /** The job system's code for why it waits, or how it failed. */
  readonly detail: string;
  /** The same for people. */
  readonly explanation: string;
  readonly submission: string;
  readonly folder: string;
  readonly executor: string;
  readonly result: TaskResult | undefined;
};

/** The tasks of a submission, from the queue and from the results that jobs wrote. */
export function tasksOf(
  { folder, submission, jobs }: StoredSubmission,
  queue: ReadonlyMap<string, QueuedJob>,
): readonly Task[] {
  return Object.entries(jobs).map(([task, job]): Task => {
    const { name, experiment, id } = describeTask(submission, task);
    const result = readResult(folder, task);
    const common = { name, experiment, id, task, job, result, folder };
    const of = { submission: submission.id, executor: submission.executor };
    const queued = queue.get(job);
    // Another submission's job may have this number, if the project was copied from another cluster.
    if (queued !== undefined && (queued.submission ?? submission.id) === submission.id) {
      const { state, node, elapsed, reason, explanation } = queued;
      return { ...common, ...of, state, node, elapsed, detail: reason, explanation };
    }
    if (result === undefined) {
      return { ...common, ...of, state: "lost", node: "", elapsed: "", detail: "", explanation: "" };
    }
    const { status, node, error = "" } = result;
    return { ...common, ...of, state: status, node, elapsed: "", detail: error, explanation: error };
  });
}

/** The name, experiment and run of a task, which it has without a job too. */
export function describeTask(
  { runs }: Pick<Submission, "runs">,
  task: string,
): Pick<Task, "name" | "experiment" | "id"> {
  const experiment = [...new Set(runs.map((run) => run.experiment))].join(", ");
  if (task === lastTask) return { name: `${experiment} (last)`, experiment, id: "" };
  const onRung = rungRunOf(task);
  if (onRung !== undefined) {
    return { name: `${experiment} (rung ${onRung.rung}, run ${onRung.index + 1})`, experiment, id: "" };
  }
  const run = runs[Number(task)];
  return run === undefined ? { name: task, experiment: "", id: "" } : { ...run, name: runName(run) };
}

/** Whether a task is queued or running. */
export function isLive({ state }: Task): boolean {
  return state === "queued" || state === "running";
}

/** The newest task of each run, and of each last task, in the order of submission. */
export function latestTasks(tasks: readonly Task[]): readonly Task[] {
  const latest = new Map<string, Task>();
  for (const task of tasks) {
    latest.delete(task.name);
    latest.set(task.name, task);
  }
  return [...latest.values()];
}

/** Whether a user's name selects a task: its experiment, its run, its job or job array, its submission, or "last". */
export function isNamed(task: Task, name: string): boolean {
  const [array] = task.job.split("_");
  return [
    task.task === lastTask ? lastTask : task.name,
    task.name,
    task.job,
    array,
    task.submission,
    ...task.experiment.split(", "),
  ].includes(name);
}
