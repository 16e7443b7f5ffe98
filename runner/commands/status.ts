import { explained, findTasks, sayWrong } from "../plugins/executors/slurm/named-jobs.ts";
import { reasonText, type Task } from "../plugins/executors/slurm/tasks.ts";
import { placeOf } from "../project/place.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { liveRuns } from "../runs/live-runs.ts";
import { progressText } from "../terminal/progress-line.ts";
import { table } from "../terminal/table.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp status [RUN]`: what each job that was given to Slurm is at, by the queue and by what jobs wrote down when they ended. */
export const command: Act = async ([name], { json }, context) => {
  let tasks: readonly Task[];
  try {
    tasks = await explained(await findTasks(name as string | undefined, context));
  } catch (error) {
    return sayWrong("status", error, context);
  }
  const { artifacts } = placeOf(context.cwd);
  const live = liveRuns(artifacts);
  const rows = tasks.map((task) => ({ ...task, at: atOf(task, live) }));
  if (json === true) {
    const told = rows.map(({ name: run, job, state, node, elapsed, detail, at, log, submission }) => ({
      ...{ run, job, state, node, elapsed, detail, at, log, submission },
    }));
    context.out(`${JSON.stringify(told, null, 1)}\n`);
    return exit.done;
  }
  if (rows.length === 0) {
    context.out("Nothing was given to Slurm yet. To do so: exp run FILE --executor slurm\n");
    return exit.done;
  }
  const lines = rows.map(({ name: run, job, state, node, elapsed, detail, at }) => {
    return [run, job, state, node, elapsed, at || (state === "queued" ? reasonText(detail) : detail)];
  });
  const fit = context.tty ? { columns: context.columns } : {};
  context.out(table([["run", "job", "state", "node", "time", ""], ...lines], { color: context.color, ...fit }));
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  context.out(`${[...counts].map(([state, count]) => `${count} ${state}`).join(", ")}\n`);
  if (rows.some(({ state }) => unfinished.has(state))) context.out("exp run again submits what is missing\n");
  return exit.done;
};

const unfinished: ReadonlySet<string> = new Set(["failed", "interrupted", "cancelled", "lost"]);

/** "train  120/400 steps": the steps that a running job is at. */
function atOf({ name, state }: Task, live: readonly LiveRun[]): string {
  if (state !== "running") return "";
  const running = live.find(({ files }) => files.includes(name))?.running ?? [];
  return running.map(({ step, progress }) => `${step}  ${progressText(progress)}`.trimEnd()).join("; ");
}
