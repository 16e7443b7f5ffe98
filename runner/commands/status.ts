import { explained, findTasks } from "../plugins/executors/slurm/named-jobs.ts";
import { reasonText, type Task } from "../plugins/executors/slurm/tasks.ts";
import { placeOf } from "../project/place.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { liveRuns } from "../runs/live-runs.ts";
import { progressText } from "../terminal/progress-line.ts";
import { table } from "../terminal/table.ts";
import { exit } from "../util/context.ts";
import { defineCommand, optional } from "./command.ts";
import { json } from "./common-options.ts";

/** Reads Slurm's queue, and the results that jobs wrote when they ended. */
export const command = defineCommand({
  arguments: { run: optional("run", "A run or an experiment. Without one, every submitted job is shown.") },
  options: { json },
  async run({ run: given, json }, context) {
    const tasks = await explained(await findTasks(given, context));
    const { artifacts } = placeOf(context.cwd);
    const live = liveRuns(artifacts);
    const rows = tasks.map((task) => ({ ...task, at: atOf(task, live) }));
    if (json) {
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
  },
});

const unfinished: ReadonlySet<string> = new Set(["failed", "interrupted", "cancelled", "lost"]);

/** "train  120/400 steps": the steps that a running job is at. */
function atOf({ name, state }: Task, live: readonly LiveRun[]): string {
  if (state !== "running") return "";
  const running = live.find(({ files }) => files.includes(name))?.running ?? [];
  return running.map(({ step, progress }) => `${step}  ${progressText(progress)}`.trimEnd()).join("; ");
}
