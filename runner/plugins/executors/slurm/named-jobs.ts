import { placeOf } from "../../../project/place.ts";
import type { Context } from "../../../util/context.ts";
import { UserError } from "../../../util/user-error.ts";
import { ended, queue } from "./slurm.ts";
import { listSubmissions } from "./submission.ts";
import { isMeant, latestTasks, type Task, tasksOf } from "./tasks.ts";

/** The newest job of every run of this project, or of what a name means. Throws UserError `job-not-found`, and another if Slurm does not answer. */
export async function findTasks(name: string | undefined, context: Context): Promise<readonly Task[]> {
  const { artifacts } = placeOf(context.cwd);
  const submissions = listSubmissions(artifacts);
  if (submissions.length === 0) {
    if (name === undefined) return [];
    throw new UserError("job-not-found", `no run "${name}": no job was submitted yet`, {
      help: "exp run FILE --executor slurm",
      status: "invalid",
    });
  }
  const waiting = await queue();
  const all = submissions.flatMap((one) => tasksOf(one, waiting));
  const latest = latestTasks(all);
  const meant = name === undefined ? latest : latest.filter((task) => isMeant(task, name));
  if (meant.length > 0) return meant;
  throw new UserError("job-not-found", `no submitted run "${name}"`, {
    help: `submitted experiments: ${[...new Set(latest.map(({ experiment }) => experiment))].join(", ")}`,
    status: "invalid",
  });
}

/** Adds what Slurm still knows of jobs that ended without saying how. */
export async function explained(tasks: readonly Task[]): Promise<readonly Task[]> {
  const silent = tasks.filter(({ state }) => state === "lost" || state === "interrupted");
  const arrays = [...new Set(silent.map(({ job }) => job.split("_")[0] as string))];
  const states = new Map((await Promise.all(arrays.map(ended))).flatMap((known) => [...known]));
  return tasks.map((task) => {
    const array = task.job.split("_")[0] as string;
    const state = silent.includes(task) ? (states.get(task.job) ?? states.get(array)) : undefined;
    if (state === undefined) return task;
    if (task.state === "lost" && state.startsWith("CANCELLED")) return { ...task, state: "cancelled" };
    return { ...task, detail: `Slurm: ${state.toLowerCase().replaceAll("_", " ")}` };
  });
}
