import { placeOf } from "../../../project/place.ts";
import { type Context, exit } from "../../../util/context.ts";
import { UserError } from "../../../util/user-error.ts";
import { ended, queue } from "./slurm.ts";
import { listSubmissions } from "./submission.ts";
import { isMeant, latestTasks, type Task, tasksOf } from "./tasks.ts";

/** A word of the user's that names no job. */
export class TaskNotFound extends Error {}

/** The newest job of every run of this project, or of what a name means. Throws TaskNotFound, and UserError where Slurm is silent. */
export async function findTasks(name: string | undefined, context: Context): Promise<readonly Task[]> {
  const { artifacts } = placeOf(context.cwd);
  const submissions = listSubmissions(artifacts);
  if (submissions.length === 0) {
    if (name === undefined) return [];
    throw new TaskNotFound(`no run "${name}": nothing was given to Slurm yet (exp run --executor slurm)`);
  }
  const waiting = await queue();
  const all = submissions.flatMap((one) => tasksOf(one, waiting));
  const latest = latestTasks(all);
  const meant = name === undefined ? latest : latest.filter((task) => isMeant(task, name));
  if (meant.length > 0) return meant;
  const known = [...new Set(latest.map(({ experiment }) => experiment))].join(", ");
  throw new TaskNotFound(`no run "${name}" was given to Slurm (experiments: ${known})`);
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

/** Says what is wrong with a name, or with Slurm; gives the exit code. */
export function sayWrong(command: string, error: unknown, context: Context): number {
  if (error instanceof TaskNotFound) {
    context.err(`exp ${command}: ${error.message}\n`);
    return exit.invalid;
  }
  if (!(error instanceof UserError)) throw error;
  context.err(`exp ${command}: ${error.message} [${error.code}]\n  help: ${error.help}\n`);
  return exit.failed;
}
