import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { UserError } from "../../../util/user-error.ts";

/** A job, or a task of an array, as squeue lists it. */
export type SlurmJob = {
  /** "RUNNING", "PENDING", "COMPLETING" … */
  readonly state: string;
  readonly node: string;
  /** Why it waits, as Slurm's code: "Priority". */
  readonly reason: string;
  /** Time since its last start: "1-02:03:04", "5:06". */
  readonly elapsed: string;
  readonly comment: string;
};

/** Submits a script. Resolves to the job's number. Throws UserError with Slurm's own message. */
export async function sbatch(options: readonly string[], script: string): Promise<string> {
  const output = await slurm("sbatch", ["--parsable", ...options, script]);
  return output.trim().split(";")[0] as string;
}

/** This user's unfinished jobs by id: "12_3" for a task of an array, "12" for any other job. */
export async function queue(): Promise<ReadonlyMap<string, SlurmJob>> {
  const uid = String(userInfo().uid);
  const output = await slurm("squeue", ["--noheader", "--array", `--user=${uid}`, "--format=%F|%K|%T|%N|%r|%M|%k"]);
  return new Map(
    lines(output).map((line) => {
      const [job = "", task = "", state = "", node = "", reason = "", elapsed = "", ...comment] = line.split("|");
      return [
        /^\d+$/.test(task) ? `${job}_${task}` : job,
        { state, node, reason, elapsed, comment: comment.join("|") },
      ];
    }),
  );
}

/** How Slurm writes "no task": NO_VAL of slurm.h. */
const noTask = "4294967294";

/** Reads a list of task numbers: "0-3,7%20", "0-8:4" or "5". */
export function taskNumbers(tasks: string): readonly number[] {
  const [list = ""] = tasks.split("%");
  return list.split(",").flatMap((range) => {
    const [, first, last = first, step = "1"] = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(range) ?? [];
    if (first === undefined) return [];
    const numbers: number[] = [];
    for (let number = Number(first); number <= Number(last); number += Number(step)) numbers.push(number);
    return numbers;
  });
}

/**
 * Final states of a job's tasks: "12_3" -> "TIMEOUT", or "12" for tasks that Slurm no longer lists one by one. Empty if
 * Slurm has forgotten the job.
 */
export async function ended(job: string): Promise<ReadonlyMap<string, string>> {
  const output = await quietly("scontrol", ["--oneliner", "show", "job", job]);
  const states = lines(output).flatMap((line): [string, string][] => {
    const value = (name: string): string | undefined => new RegExp(`(?:^| )${name}=(\\S+)`).exec(line)?.[1];
    const task = value("ArrayTaskId");
    const id = value("ArrayJobId") ?? value("JobId");
    const state = value("JobState");
    if (id === undefined || state === undefined) return [];
    // Tasks that never started share one entry: ArrayTaskId=0-3,7%20. If they are cancelled one by one, it lists no
    // task.
    if (task === undefined || task === noTask) return [[id, state]];
    return taskNumbers(task).map((number) => [`${id}_${number}`, state]);
  });
  if (states.length > 0) return new Map(states);
  const accounted = await quietly("sacct", [
    "--noheader",
    "--allocations",
    "--parsable2",
    "--format=JobID,State",
    `--jobs=${job}`,
  ]);
  return new Map(
    lines(accounted).map((line) => {
      const [id = "", state = ""] = line.split("|");
      return [id, state.split(" ")[0] as string];
    }),
  );
}

/** Cancels jobs. Running ones receive SIGTERM first. */
export async function cancel(jobs: readonly string[]): Promise<void> {
  if (jobs.length > 0) await slurm("scancel", [...jobs]);
}

/** The state of one job: "RUNNING". Undefined if Slurm does not answer. */
export async function stateOf(job: string): Promise<string | undefined> {
  return /(?:^| )JobState=(\S+)/.exec(await quietly("scontrol", ["--oneliner", "show", "job", job]))?.[1];
}

/** The largest number of tasks in one array: the cluster's MaxArraySize, or Slurm's default if it cannot be read. */
export async function largestArray(): Promise<number> {
  const value = /^MaxArraySize\s*=\s*(\d+)/m.exec(await quietly("scontrol", ["show", "config"]))?.[1];
  return Math.max(1, Number(value ?? 1001));
}

/** Requeues a running job. Resolves to whether Slurm accepted that. */
export async function requeue(job: string): Promise<boolean> {
  try {
    await slurm("scontrol", ["requeue", job]);
    return true;
  } catch {
    return false;
  }
}

function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

/**
 * The output of a program, or nothing if it fails: for jobs that Slurm has forgotten, and programs that a site does not
 * install.
 */
async function quietly(program: string, args: readonly string[]): Promise<string> {
  try {
    return await slurm(program, args);
  } catch {
    return "";
  }
}

function slurm(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 60_000, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(failure(program, error as NodeJS.ErrnoException, stderr.trim()));
    });
  });
}

function failure(program: string, error: NodeJS.ErrnoException, output: string): UserError {
  if (error.code === "ENOENT") {
    const help = "submit on a login node of the cluster, or run on this machine: --executor local";
    return new UserError("slurm-missing", `there is no ${program} on this machine`, { help });
  }
  const message = output.split("\n")[0] || error.message;
  if (/contact|timed out|refused|connection|fetch config/i.test(output) || output === "") {
    const help = "nothing was changed; try again when the controller answers";
    return new UserError("slurm-silent", `Slurm does not answer: ${message}`, { help });
  }
  return new UserError("slurm-refused", `${program}: ${message}`, {
    help: "check resources.slurm, and the options of sbatch in resources.slurm.extra",
  });
}
