import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { UserError } from "../../../util/user-error.ts";

/** A job, or a task of an array, that Slurm has not done with. */
export type Queued = {
  /** "RUNNING", "PENDING", "COMPLETING" … */
  readonly state: string;
  readonly node: string;
  /** Why it waits, in a word of Slurm's. */
  readonly reason: string;
  /** How long it has run since its last start: "1-02:03:04", "5:06". */
  readonly elapsed: string;
  /** Of a job of exp, the submission that it belongs to. */
  readonly submission: string | undefined;
};

/** Says in Slurm's own books which submission a job belongs to: they know it even where exp was killed before it noted the job. */
export const commentOf = (submission: string): string => `exp ${submission}`;

/** Gives a script to Slurm; resolves to the job's number. Throws UserError with Slurm's own words. */
export async function sbatch(flags: readonly string[], script: string, words: readonly string[]): Promise<string> {
  const said = await slurm("sbatch", ["--parsable", ...flags, script, ...words]);
  return said.trim().split(";")[0] as string;
}

/** Every job of this user that waits or runs: "12_3" for a task of an array, "12" for a job -> its state. */
export async function queue(): Promise<ReadonlyMap<string, Queued>> {
  const uid = String(userInfo().uid);
  const said = await slurm("squeue", ["--noheader", "--array", `--user=${uid}`, "--format=%F|%K|%T|%N|%r|%M|%k"]);
  return new Map(
    lines(said).map((line) => {
      const [job = "", task = "", state = "", node = "", reason = "", elapsed = "", ...comment] = line.split("|");
      const submission = /^exp (\S+)$/.exec(comment.join("|"))?.[1];
      return [/^\d+$/.test(task) ? `${job}_${task}` : job, { state, node, reason, elapsed, submission }];
    }),
  );
}

/** What Slurm writes for the number of no task: NO_VAL of slurm.h. */
const noTask = "4294967294";

/** The numbers that Slurm means by "0-3,7%20", "0-8:4" or "5". */
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

/** What Slurm still knows of a job's tasks that are over: "12_3" -> "TIMEOUT", and "12" for those that it names no more. Empty where it knows nothing any more. */
export async function ended(job: string): Promise<ReadonlyMap<string, string>> {
  const known = await quietly("scontrol", ["--oneliner", "show", "job", job]);
  const states = lines(known).flatMap((line): [string, string][] => {
    const value = (name: string): string | undefined => new RegExp(`(?:^| )${name}=(\\S+)`).exec(line)?.[1];
    const task = value("ArrayTaskId");
    const id = value("ArrayJobId") ?? value("JobId");
    const state = value("JobState");
    if (id === undefined || state === undefined) return [];
    // Tasks of which none ever started are one entry: ArrayTaskId=0-3,7%20. Cancelled one by one, they leave an entry without any.
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

/** Takes jobs out of the queue; those that run are asked to stop first. */
export async function scancel(jobs: readonly string[]): Promise<void> {
  if (jobs.length > 0) await slurm("scancel", [...jobs]);
}

/** Slurm's state of the job that this process is. */
export async function stateOf(job: string): Promise<string | undefined> {
  return /(?:^| )JobState=(\S+)/.exec(await quietly("scontrol", ["--oneliner", "show", "job", job]))?.[1];
}

/** Puts a running job back into the queue. Says whether Slurm took it. */
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

/** What a program says, or nothing where it fails: for what Slurm may have forgotten, and for programs that a site may lack. */
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

function failure(program: string, error: NodeJS.ErrnoException, said: string): UserError {
  if (error.code === "ENOENT") {
    const help = "submit on a login node of the cluster, or run here: --executor local";
    return new UserError("slurm-missing", `there is no ${program} on this machine`, { help });
  }
  const words = said.split("\n")[0] || error.message;
  if (/contact|timed out|refused|connection|fetch config/i.test(said) || said === "") {
    const help = "nothing was changed; try again when the controller answers";
    return new UserError("slurm-silent", `Slurm does not answer: ${words}`, { help });
  }
  return new UserError("slurm-refused", `${program}: ${words}`, {
    help: "see resources.slurm; extra flags of sbatch stand under resources.slurm.extra",
  });
}
