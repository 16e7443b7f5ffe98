import type { Queued } from "./slurm.ts";
import { lastRun, logOf, type Result, readResult, rungPlaceOf, runName, type SubmissionAt } from "./submission.ts";

/**
 * What a job is at. "interrupted": it was stopped and has saved; "cancelled": before it could, or before it began; "lost": it
 * is over and has not said how, as after a crash of its node.
 */
export type TaskState = "queued" | "running" | "done" | "failed" | "interrupted" | "cancelled" | "lost";

/** One job of a submission. */
export type Task = {
  /** "sweep/train.rank=8"; of a rung after the first "sweep (rung 2, run 1)"; the last job is "sweep (last)". */
  readonly name: string;
  readonly experiment: string;
  /** Number of the run, its place on a rung ("rung-2.0"), or "last". */
  readonly run: string;
  /** The same for the same run of another submission; empty where it is not known which run it will be, and for the last job. */
  readonly id: string;
  /** As Slurm names it: "12_3". */
  readonly job: string;
  readonly state: TaskState;
  readonly node: string;
  /** Since its last start, while it runs. */
  readonly elapsed: string;
  /** Why it waits, in Slurm's word, or how it failed. */
  readonly detail: string;
  readonly log: string;
  readonly submission: string;
  readonly result: Result | undefined;
};

/** What is known without asking Slurm about each job: the queue, and what jobs wrote down when they ended. */
export function tasksOf(
  { folder, submission, jobs }: SubmissionAt,
  queue: ReadonlyMap<string, Queued>,
): readonly Task[] {
  const experiments = [...new Set(submission.runs.map(({ experiment }) => experiment))].join(", ");
  const named = Object.entries(jobs.tasks).map(([run, job]) => {
    const place = rungPlaceOf(run);
    if (place !== undefined) {
      const name = `${experiments} (rung ${place.rung}, run ${place.at + 1})`;
      return { run, job, id: "", experiment: experiments, name };
    }
    const one = submission.runs[Number(run)];
    return { run, job, id: one?.id ?? "", experiment: one?.experiment ?? "", name: one ? runName(one) : run };
  });
  const last = { run: lastRun, job: jobs.last ?? "", id: "", experiment: experiments, name: `${experiments} (last)` };
  return [...named, ...(jobs.last === undefined ? [] : [last])].map((one) => {
    const result = readResult(folder, one.run);
    const common = { ...one, elapsed: "", result, log: logOf(folder, one.job), submission: submission.id };
    const queued = queue.get(one.job);
    if (queued !== undefined) {
      const state = waits.has(queued.state) ? "queued" : "running";
      if (state === "queued") return { ...common, state, node: "", detail: queued.reason };
      return { ...common, state, node: queued.node, elapsed: queued.elapsed, detail: "" };
    }
    if (result === undefined) return { ...common, state: "lost", node: "", detail: "" };
    return { ...common, state: result.status, node: result.node, detail: result.error ?? "" };
  });
}

const waits: ReadonlySet<string> = new Set(["PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"]);

/** Whether Slurm has not done with a job. */
export function isLive({ state }: Task): boolean {
  return state === "queued" || state === "running";
}

/** The newest job of every run, and of every submission's end, in the order of submission. */
export function latestTasks(tasks: readonly Task[]): readonly Task[] {
  const latest = new Map<string, Task>();
  for (const task of tasks) {
    latest.delete(task.name);
    latest.set(task.name, task);
  }
  return [...latest.values()];
}

const words: Readonly<Record<string, string>> = {
  None: "was just submitted",
  Resources: "waits for free nodes",
  Priority: "others go first",
  Dependency: "waits for the runs",
  JobArrayTaskLimit: "max_jobs of them run",
  BeginTime: "starts again in a moment",
  JobHeldUser: "held; scontrol release lets it go",
  PartitionTimeLimit: "asks for more time than the partition gives",
};

/** Why a job waits: words for what Slurm says most often, and the rest as it is. */
export function reasonText(reason: string): string {
  const text = words[reason];
  return text === undefined ? reason : `${text} (${reason})`;
}

/** Whether a user means a job by a name: its experiment, its run, Slurm's number, the submission, or "last". */
export function isMeant(task: Task, name: string): boolean {
  const [array] = task.job.split("_");
  return [
    task.run === lastRun ? lastRun : task.name,
    task.name,
    task.job,
    array,
    task.submission,
    ...task.experiment.split(", "),
  ].includes(name);
}
