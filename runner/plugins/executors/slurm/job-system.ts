import { chmodSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { JobBatch, JobSystem, JobTask, QueuedJob } from "../executor.ts";
import { cancel, ended, largestArray, queue, requeue, sbatch, stateOf } from "./client.ts";
import { optionsOf, type SlurmRequest, scriptOf } from "./script.ts";

/** Slurm, through its command line programs. */
export const slurmJobs: JobSystem = {
  async submit(batch, accepted) {
    const jobs: string[] = [];
    for (const [at, { request, tasks }] of groupsOf(batch.tasks, await largestArray()).entries()) {
      const isArray = tasks.length > 1;
      const script = join(batch.folder, `${batch.name}-${at}.sh`);
      writeFileSync(
        script,
        scriptOf(
          request.setup,
          batch.command,
          tasks.map(({ name }) => name),
        ),
      );
      chmodSync(script, 0o755);
      const throttle = request.maxJobs === undefined ? "" : `%${request.maxJobs}`;
      const job = await sbatch(
        [
          `--chdir=${batch.cwd}`,
          `--comment=${commentOf(batch.submission)}`,
          `--job-name=exp-${nameOf(batch, tasks)}`,
          // sbatch replaces patterns such as %j in the whole path.
          `--output=${join(batch.logs.replaceAll("%", "%%"), isArray ? "%A_%a.log" : "%j.log")}`,
          ...(isArray ? [`--array=0-${tasks.length - 1}${throttle}`] : []),
          ...dependencies(batch.after),
          ...request.options,
        ],
        script,
      );
      jobs.push(job);
      accepted(Object.fromEntries(tasks.map(({ name }, index) => [name, isArray ? `${job}_${index}` : job])));
    }
    return jobs;
  },
  async queue() {
    const jobs = await queue();
    return new Map(
      [...jobs].map(([id, { state, node, reason, elapsed, comment }]): [string, QueuedJob] => {
        const submission = /^exp (\S+)$/.exec(comment)?.[1];
        if (!waiting.has(state))
          return [id, { state: "running", node, elapsed, reason: "", explanation: "", submission }];
        const explanation = explanationOf(reason);
        return [id, { state: "queued", node: "", elapsed: "", reason, explanation, submission }];
      }),
    );
  },
  async ended(jobs) {
    const arrays = [...new Set(jobs.map(arrayOf))];
    const states = new Map((await Promise.all(arrays.map(ended))).flatMap((known) => [...known]));
    return new Map(
      jobs.flatMap((job) => {
        const state = states.get(job) ?? states.get(arrayOf(job));
        if (state === undefined) return [];
        const detail = `Slurm: ${state.toLowerCase().replaceAll("_", " ")}`;
        return [[job, { cancelled: state.startsWith("CANCELLED"), detail }] as const];
      }),
    );
  },
  cancel,
  logFile: (folder, job) => join(folder, `${job}.log`),
  current: (env) => ({
    id: env.SLURM_JOB_ID ?? "",
    node: env.SLURMD_NODENAME ?? hostname(),
    restarts: Number(env.SLURM_RESTART_COUNT ?? 0),
  }),
  // A job that a person cancels is COMPLETING or CANCELLED by now. One that Slurm stops is still RUNNING.
  requeue: async (job) => job !== "" && (await stateOf(job)) === "RUNNING" && (await requeue(job)),
};

type Group = { readonly request: SlurmRequest; readonly tasks: JobTask[] };

/** Tasks with equal requests share an array of at most `largest` tasks. */
function groupsOf(tasks: readonly JobTask[], largest: number): readonly Group[] {
  const groups: Group[] = [];
  const open = new Map<string, Group>();
  for (const task of tasks) {
    const request = optionsOf(task.resources);
    const key = JSON.stringify(request);
    let group = open.get(key);
    if (group === undefined || group.tasks.length === largest) {
      group = { request, tasks: [] };
      open.set(key, group);
      groups.push(group);
    }
    group.tasks.push(task);
  }
  return groups;
}

/** "sweep", or "last" for a batch whose one task is named like the batch. */
function nameOf({ name }: JobBatch, tasks: readonly JobTask[]): string {
  const [first] = tasks;
  return first?.name === name ? name : [...new Set(tasks.map(({ experiment }) => experiment))].join("+");
}

const commentOf = (submission: string): string => `exp ${submission}`;

/** "12_3" -> "12" */
const arrayOf = (job: string): string => job.split("_")[0] as string;

function dependencies({ jobs, success }: JobBatch["after"]): readonly string[] {
  // Without --kill-on-invalid-dep a job whose dependencies failed stays in the queue for ever.
  return jobs.length === 0
    ? []
    : [`--dependency=${success ? "afterok" : "afterany"}:${jobs.join(":")}`, "--kill-on-invalid-dep=yes"];
}

const waiting: ReadonlySet<string> = new Set(["PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"]);

const explanations: Readonly<Record<string, string>> = {
  None: "just submitted",
  Resources: "waits for free nodes",
  Priority: "other jobs have a higher priority",
  Dependency: "waits for the runs that it depends on",
  JobArrayTaskLimit: "waits because max_jobs jobs run",
  BeginTime: "starts again shortly",
  JobHeldUser: "held; scontrol release releases it",
  PartitionTimeLimit: "its time limit exceeds that of the partition",
};

function explanationOf(reason: string): string {
  const text = explanations[reason];
  return text === undefined ? reason : `${text} (${reason})`;
}
