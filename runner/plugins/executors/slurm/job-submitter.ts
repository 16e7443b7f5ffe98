import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Asked, arrayOf, script } from "./script.ts";
import { commentOf, sbatch } from "./slurm.ts";
import { lastRun, type Submission, writeJobs } from "./submission.ts";

/** Tasks that ask for the same, within the numbers that one array may have. */
export type Group = {
  readonly asked: Asked;
  readonly numbers: readonly number[];
  /** The number that array task 0 would have. */
  readonly from: number;
  /** How many of them may run at once. */
  readonly atOnce: number | undefined;
};

/** Jobs that must have ended before others begin; all of them well, where `isWhole`. */
export type After = { readonly jobs: readonly string[]; readonly isWhole: boolean };

/** Gives Slurm the jobs of one submission, and notes each as soon as Slurm has it. */
export class JobSubmitter {
  /** Every array that was given, as Slurm names it. */
  readonly arrays: string[] = [];
  readonly #plan: string;
  readonly #command: readonly string[];
  readonly #flags: readonly string[];
  readonly #tasks: Record<string, string> = {};

  /** `plan` is the path of the frozen plan, `exp` the command that a job starts. */
  constructor(plan: string, { id, root }: Pick<Submission, "id" | "root">, exp: readonly string[]) {
    this.#plan = plan;
    this.#command = [...exp, "job", plan];
    this.#flags = [`--chdir=${root}`, `--comment=${commentOf(id)}`];
  }

  /** An array with a task for each number; `prefix` stands before the numbers in the names of what they run. */
  async array(group: Group, name: string, after: After, prefix = ""): Promise<string> {
    const { asked, numbers, from, atOnce } = group;
    const own = numbers.map((number) => number - from);
    const flags = [
      ...this.#flags,
      `--job-name=exp-${name}`,
      `--output=${join(dirname(this.#plan), "logs", "%A_%a.log")}`,
      `--array=${arrayOf(own, atOnce)}`,
      ...waitingFor(after),
      ...asked.flags,
    ];
    const path = this.#write(`job-${this.arrays.length}.sh`, asked);
    const job = await sbatch(flags, path, [String(from), prefix]).catch((error) => {
      // Of a submission that Slurm has taken nothing of, nothing stays.
      if (this.arrays.length === 0) rmSync(dirname(this.#plan), { recursive: true, force: true });
      throw error;
    });
    this.arrays.push(job);
    for (const number of numbers) this.#tasks[`${prefix}${number}`] = `${job}_${number - from}`;
    writeJobs(this.#plan, { tasks: this.#tasks });
    return job;
  }

  /** The job after all others: for several runs, which are compared, selected among and reported together. */
  async last(asked: Asked, after: After): Promise<string> {
    const flags = [
      ...this.#flags,
      "--job-name=exp-last",
      `--output=${join(dirname(this.#plan), "logs", "%j.log")}`,
      ...waitingFor(after),
      ...asked.flags,
    ];
    const last = await sbatch(flags, this.#write("job-last.sh", asked), [lastRun]);
    writeJobs(this.#plan, { tasks: this.#tasks, last });
    return last;
  }

  #write(name: string, { setup }: Asked): string {
    const path = join(dirname(this.#plan), name);
    writeFileSync(path, script(setup, this.#command));
    chmodSync(path, 0o755);
    return path;
  }
}

function waitingFor({ jobs, isWhole }: After): readonly string[] {
  // Without the last flag a job whose parents failed would wait for ever.
  return jobs.length === 0
    ? []
    : [`--dependency=${isWhole ? "afterok" : "afterany"}:${jobs.join(":")}`, "--kill-on-invalid-dep=yes"];
}
