import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LoadedExperiment } from "../../config/loaded.ts";
import { readOwnFile } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";
import { writeFileAtomic } from "../../util/write-file.ts";

/** Options of `exp run` that its jobs use too, as they were given. */
export type JobOptions = {
  readonly set: readonly string[];
  readonly acceptStale: readonly string[];
  readonly until?: string;
  readonly jobs?: number;
  readonly shareGpus?: boolean;
  readonly keepGoing: boolean;
  readonly upload: boolean;
};

/** One run of a submission. Its index in the list is the name of its task. */
export type SubmittedRun = {
  readonly experiment: string;
  readonly coordinates: string;
  /** Digest of the run's name and steps: equal for the same run of another submission. */
  readonly id: string;
};

/** A frozen plan: everything that was submitted at once. Later edits of files do not affect its jobs. */
export type Submission = {
  readonly schema: 1;
  readonly id: string;
  readonly executor: string;
  /** Version of exp that froze the plan. Jobs refuse to run with another one. */
  readonly exp: string;
  readonly created: string;
  readonly root: string;
  /** Folder of the copied sources, which include recipes/. */
  readonly snapshot: string;
  readonly loaded: readonly LoadedExperiment[];
  /** Absolute path of a source -> its copy. */
  readonly copies: Readonly<Record<string, string>>;
  /** Absolute path of a source that is too large to copy -> sha256. */
  readonly watched: Readonly<Record<string, string>>;
  readonly options: JobOptions;
  readonly runs: readonly SubmittedRun[];
};

/**
 * The jobs of a submission that the job system accepted: task -> job. Runs that were done or queued before have no
 * task.
 */
export type Jobs = Readonly<Record<string, string>>;

/** How a task ended, written by its job. It is newer than the job system's records, and kept longer. */
export type TaskResult = {
  readonly schema: 1;
  readonly status: "done" | "failed" | "interrupted";
  /** The first failure. */
  readonly error?: string;
  readonly manifest?: string;
  readonly job: string;
  readonly node: string;
  /** How often the job had been started before. */
  readonly restarts: number;
  readonly ended: string;
};

/** A submission and its folder. */
export type StoredSubmission = { readonly folder: string; readonly submission: Submission; readonly jobs: Jobs };

/** The task that compares and reports after all runs. */
export const lastTask = "last";

/**
 * A run of successive halving on a rung after the first, by its index among the runs of that rung. Which setting it
 * trains is known once the previous rung is done.
 */
export type RungRun = { readonly rung: number; readonly index: number };

/** The task of a run on a later rung: "rung-2.0". */
export function rungTask({ rung, index }: RungRun): string {
  return `rung-${rung}.${index}`;
}

/** The run on a later rung that a task names; undefined for other tasks. */
export function rungRunOf(task: string): RungRun | undefined {
  const [, rung, index] = /^rung-(\d+)\.(\d+)$/.exec(task) ?? [];
  return rung === undefined ? undefined : { rung: Number(rung), index: Number(index) };
}

/** Folder of all submissions. */
export const submissionsDir = (artifacts: string): string => join(artifacts, "jobs");

/** Folder of the copied sources of all submissions. */
export const copiesDir = (artifacts: string): string => join(submissionsDir(artifacts), "snapshots");

/** Lock that excludes submission and collection from each other. */
export const submissionsLock = (artifacts: string): string => join(submissionsDir(artifacts), "lock");

/** Keys of steps that the jobs of a submission need or build, one file for each task. */
export const keysDir = (folder: string): string => join(folder, "keys");

export const logsDir = (folder: string): string => join(folder, "logs");

const planFile = "plan.json";
const jobsFile = "jobs.json";

/** The files that say what was submitted, and as which jobs. */
export const submissionFiles = (folder: string): readonly string[] =>
  [planFile, jobsFile].map((name) => join(folder, name));

/**
 * Writes a submission before its jobs are submitted. Returns the path of the frozen plan, the argument of `exp job`.
 */
export function writeSubmission(artifacts: string, submission: Submission): string {
  const folder = join(submissionsDir(artifacts), submission.id);
  for (const path of [logsDir(folder), join(folder, "results"), keysDir(folder)]) mkdirSync(path, { recursive: true });
  writeJson(join(folder, planFile), submission);
  writeJson(join(folder, jobsFile), {} satisfies Jobs);
  return join(folder, planFile);
}

/** Records the jobs of a submission. Called each time the job system has accepted some. */
export function writeJobs(plan: string, jobs: Jobs): void {
  writeJson(join(dirname(plan), jobsFile), jobs);
}

/** Records how a task ended. */
export function writeResult(plan: string, task: string, result: TaskResult): void {
  writeJson(join(dirname(plan), "results", `${task}.json`), result);
}

/** How a task ended last. Undefined if it has not ended, or its machine crashed. */
export function readResult(folder: string, task: string): TaskResult | undefined {
  return readJson<TaskResult>(join(folder, "results", `${task}.json`));
}

/** Reads a frozen plan. Throws UserError if it is none, or was frozen by another version. */
export function readSubmission(plan: string, version: string): Submission {
  const submission = readJson<Submission>(plan);
  if (submission?.schema !== 1) {
    throw new UserError("no-frozen-plan", `${plan} is not a frozen plan`, { help: "submit again: exp run" });
  }
  if (submission.exp !== version) {
    const message = `${plan} was frozen by exp ${submission.exp}, and this is exp ${version}`;
    throw new UserError("no-frozen-plan", message, { help: "submit again: finished steps are cached" });
  }
  return submission;
}

/** Names of all submission folders, also incomplete ones, oldest first. */
export function submissionNames(artifacts: string): readonly string[] {
  const all = submissionsDir(artifacts);
  const names = existsSync(all) ? readdirSync(all).sort() : [];
  return names.filter((name) => /^\d{8}-\d{6}-[0-9a-f]{4}$/.test(name));
}

/** Every submission of a project, oldest first. */
export function listSubmissions(artifacts: string): readonly StoredSubmission[] {
  const stored = submissionNames(artifacts).flatMap((name) => {
    const folder = join(submissionsDir(artifacts), name);
    const submission = readJson<Submission>(join(folder, planFile));
    const jobs = readJson<Jobs>(join(folder, jobsFile));
    return isWhole(submission) && jobs !== undefined && areJobs(jobs) ? [{ folder, submission, jobs }] : [];
  });
  // Names have seconds only: those of two submissions within a second are in random order.
  return stored.sort((a, b) => a.submission.created.localeCompare(b.submission.created));
}

/** Whether a frozen plan has what its listing needs: a copied project may have anything in its place. */
function isWhole(submission: Partial<Submission> | undefined): submission is Submission {
  const { schema, id, created, executor, runs, snapshot } = submission ?? {};
  const areTexts = [id, created, executor, snapshot].every((one) => typeof one === "string");
  return schema === 1 && areTexts && Array.isArray(runs) && runs.every(isMap);
}

/** The id of a job becomes an argument of programs and a part of a path. */
const areJobs = (jobs: unknown): boolean =>
  isMap(jobs) &&
  Object.values(jobs as object).every((job) => typeof job === "string" && /^[A-Za-z0-9][\w.:@+-]*$/.test(job));

const isMap = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** "sweep/train.rank=8", or the experiment's name alone. */
export function runName({ experiment, coordinates }: Pick<SubmittedRun, "experiment" | "coordinates">): string {
  return coordinates === "" ? experiment : `${experiment}/${coordinates}`;
}

function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value)}\n`, { flush: true });
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readOwnFile(path)) as T;
  } catch {
    return undefined;
  }
}
