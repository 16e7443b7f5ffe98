import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LoadedExperiment } from "../../../config/loaded.ts";
import { UserError } from "../../../util/user-error.ts";
import { writeFileAtomic } from "../../../util/write-file.ts";

/** Options of `exp run` that a job goes by, as they were typed. */
export type FrozenOptions = {
  readonly set: readonly string[];
  readonly acceptStale: readonly string[];
  readonly until?: string;
  readonly jobs?: number;
  readonly shareGpus?: boolean;
  readonly keepGoing: boolean;
  readonly upload: boolean;
};

/** One run of a submission; its place in the list is the number by which its job knows it. */
export type SubmittedRun = {
  readonly experiment: string;
  readonly coordinates: string;
  /** Digest of the run's name and steps: equal for the same run of another submission, whatever was edited between. */
  readonly id: string;
};

/** Everything that was submitted at once, frozen: what is edited afterwards does not matter to its jobs. */
export type Submission = {
  readonly schema: 1;
  readonly id: string;
  /** Version of exp that froze it. */
  readonly exp: string;
  readonly created: string;
  readonly root: string;
  /** Folder of the copied sources; recipes/ lies in it. */
  readonly snapshot: string;
  readonly loaded: readonly LoadedExperiment[];
  /** Absolute path of a source -> its copy. */
  readonly moved: Readonly<Record<string, string>>;
  /** Absolute path of a source that is too large to copy -> sha256. */
  readonly watched: Readonly<Record<string, string>>;
  readonly options: FrozenOptions;
  readonly runs: readonly SubmittedRun[];
};

/** What Slurm was given of a submission. */
export type Jobs = {
  /** Number of a run, or its place on a rung -> its task, as Slurm names it: "12_3". Runs without one were finished, or queued before. */
  readonly tasks: Readonly<Record<string, string>>;
  /** The job that compares and reports when all runs are done; absent for a single run. */
  readonly last?: string;
};

/** How a job ended, as it wrote it down itself. Newer than what Slurm still knows, and kept longer. */
export type Result = {
  readonly schema: 1;
  readonly status: "done" | "failed" | "interrupted";
  /** The first failure. */
  readonly error?: string;
  readonly manifest?: string;
  readonly job: string;
  readonly node: string;
  /** How often Slurm had started the job before. */
  readonly restarts: number;
  readonly ended: string;
};

/** Folder of all submissions below an artifacts folder. */
export const clusterDir = (artifacts: string): string => join(artifacts, "slurm");

/** Name of the last job where runs go by their number. */
export const lastRun = "last";

/**
 * A run on a rung after the first of a sweep by halving, by its place among those that come so far: which setting that is, is
 * chosen when the rung before is done.
 */
export type RungPlace = { readonly rung: number; readonly at: number };

/** "rung-2.": what the names of a rung's runs begin with, before their number. */
export const rungPrefix = (rung: number): string => `rung-${rung}.`;

/** The place that "rung-2.0" names; undefined for other names. */
export function rungPlaceOf(run: string): RungPlace | undefined {
  const [, rung, at] = /^rung-(\d+)\.(\d+)$/.exec(run) ?? [];
  return rung === undefined ? undefined : { rung: Number(rung), at: Number(at) };
}

/** A submission and where its files lie. */
export type SubmissionAt = { readonly folder: string; readonly submission: Submission; readonly jobs: Jobs };

const planFile = "plan.json";
const jobsFile = "jobs.json";

/** Folder of the frozen sources of all submissions. */
export const frozenDir = (artifacts: string): string => join(clusterDir(artifacts), "snapshots");

/** Held by who submits, and by who clears away: a submission is not cleared away while it comes to be. */
export const clusterLock = (artifacts: string): string => join(clusterDir(artifacts), "lock");

/** Holds the keys of steps that jobs need or make. */
export const keysDir = (folder: string): string => join(folder, "keys");

/** Writes a submission before its jobs are given to Slurm; gives the path that they are told. */
export function writeSubmission(artifacts: string, submission: Submission): string {
  const folder = join(clusterDir(artifacts), submission.id);
  mkdirSync(join(folder, "logs"), { recursive: true });
  mkdirSync(join(folder, "results"), { recursive: true });
  mkdirSync(keysDir(folder), { recursive: true });
  writeWhole(join(folder, planFile), submission);
  writeWhole(join(folder, jobsFile), { tasks: {} } satisfies Jobs);
  return join(folder, planFile);
}

/** Notes which jobs there are; called after each that Slurm has taken. */
export function writeJobs(plan: string, jobs: Jobs): void {
  writeWhole(join(dirname(plan), jobsFile), jobs);
}

/** Writes down how a job ended. */
export function writeResult(plan: string, run: string, result: Result): void {
  writeWhole(join(dirname(plan), "results", `${run}.json`), result);
}

/** How a job ended last; undefined where it has not ended by itself. */
export function readResult(folder: string, run: string): Result | undefined {
  return readWhole<Result>(join(folder, "results", `${run}.json`));
}

/** File of what a job printed. */
export function logOf(folder: string, job: string): string {
  return join(folder, "logs", `${job}.log`);
}

/** Reads a frozen plan. Throws UserError where it is none, or one of another version. */
export function readSubmission(plan: string, version: string): Submission {
  const submission = readWhole<Submission>(plan);
  if (submission?.schema !== 1) {
    throw new UserError("no-frozen-plan", `${plan} is no frozen plan`, { help: "submit again: exp run" });
  }
  if (submission.exp !== version) {
    const message = `${plan} was frozen by exp ${submission.exp}, and this is exp ${version}`;
    throw new UserError("no-frozen-plan", message, { help: "submit again: what is finished is not run again" });
  }
  return submission;
}

/** Names of what looks like a submission, whole or not, oldest first. */
export function submissionNames(artifacts: string): readonly string[] {
  const all = clusterDir(artifacts);
  const names = existsSync(all) ? readdirSync(all).sort() : [];
  return names.filter((name) => /^\d{8}-\d{6}-[0-9a-f]{4}$/.test(name));
}

/** Every submission of a project, oldest first. */
export function listSubmissions(artifacts: string): readonly SubmissionAt[] {
  return submissionNames(artifacts).flatMap((name) => {
    const folder = join(clusterDir(artifacts), name);
    const submission = readWhole<Submission>(join(folder, planFile));
    const jobs = readWhole<Jobs>(join(folder, jobsFile));
    return submission?.schema === 1 && jobs !== undefined ? [{ folder, submission, jobs }] : [];
  });
}

/** "sweep/train.rank=8", or the experiment's name alone. */
export function runName({ experiment, coordinates }: Pick<SubmittedRun, "experiment" | "coordinates">): string {
  return coordinates === "" ? experiment : `${experiment}/${coordinates}`;
}

function writeWhole(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value)}\n`, { flush: true });
}

function readWhole<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
