import type { JobSystem, QueuedJob } from "../../plugins/executors/executor.ts";
import { executors } from "../../plugins/executors/registry.ts";
import { UserError } from "../../util/user-error.ts";
import { listSubmissions, logsDir, type StoredSubmission } from "./submission.ts";
import { isNamed, latestTasks, type Task, tasksOf } from "./task.ts";

/** The job system of an executor. Throws UserError if the executor is unknown, or runs steps in its own process. */
export async function jobSystemOf(executor: string): Promise<JobSystem> {
  const system = await executors.get(executor).jobSystem?.();
  if (system === undefined) throw new UserError("no-job-system", `executor ${executor} submits no jobs`);
  return system;
}

/**
 * The tasks of submissions. Throws UserError if one of their job systems, or that of another executor, does not answer.
 */
export async function readTasks(
  submissions: readonly StoredSubmission[],
  others: readonly string[] = [],
): Promise<readonly Task[]> {
  const names = new Set([...others, ...submissions.map(({ submission }) => submission.executor)]);
  const queues = new Map<string, ReadonlyMap<string, QueuedJob>>();
  for (const name of names) queues.set(name, await (await jobSystemOf(name)).queue());
  return submissions.flatMap((one) => tasksOf(one, queues.get(one.submission.executor) ?? new Map()));
}

/**
 * The newest task of every run below an artifacts folder, or of those that `name` selects. Throws UserError if it
 * selects none, or a job system does not answer.
 */
export async function findTasks(name: string | undefined, artifacts: string): Promise<readonly Task[]> {
  const submissions = listSubmissions(artifacts);
  if (submissions.length === 0) {
    if (name === undefined) return [];
    throw new UserError("job-not-found", `no submitted run "${name}": no job was submitted yet`, {
      status: "invalid",
      help: `exp run FILE --executor ${submitting().join(" or ")}`,
    });
  }
  const latest = latestTasks(await readTasks(submissions));
  const selected = name === undefined ? latest : latest.filter((task) => isNamed(task, name));
  if (selected.length > 0) return selected;
  const known = [...new Set(latest.map(({ experiment }) => experiment))].join(", ");
  throw new UserError("job-not-found", `no submitted run "${name}"`, {
    status: "invalid",
    help: `submitted experiments: ${known}`,
  });
}

/** The same, and no tasks if no job was submitted under the name. */
export async function tasksNamed(name: string | undefined, artifacts: string): Promise<readonly Task[]> {
  try {
    return await findTasks(name, artifacts);
  } catch (error) {
    if (error instanceof UserError && error.code === "job-not-found") return [];
    throw error;
  }
}

/** Names of the executors that submit jobs. */
export function submitting(): readonly string[] {
  return [...executors].filter(({ jobSystem }) => jobSystem !== undefined).map(({ name }) => name);
}

/** Adds what job systems record about jobs that ended without a result, or were interrupted. */
export async function withRecords(tasks: readonly Task[]): Promise<readonly Task[]> {
  const unclear = tasks.filter(({ state }) => state === "lost" || state === "interrupted");
  const records = new Map(
    await Promise.all(
      [...new Set(unclear.map(({ executor }) => executor))].map(async (executor) => {
        const jobs = unclear.filter((task) => task.executor === executor).map(({ job }) => job);
        return [executor, await (await jobSystemOf(executor)).ended(jobs)] as const;
      }),
    ),
  );
  return tasks.map((task) => {
    const record = unclear.includes(task) ? records.get(task.executor)?.get(task.job) : undefined;
    if (record === undefined) return task;
    if (task.state === "lost" && record.cancelled) return { ...task, state: "cancelled" };
    return { ...task, detail: record.detail, explanation: record.detail };
  });
}

/** The file with the output of a task's job. */
export async function logOf({ executor, folder, job }: Task): Promise<string> {
  return (await jobSystemOf(executor)).logFile(logsDir(folder), job);
}
