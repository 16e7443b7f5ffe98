import { findTasks, logOf, submitting, withRecords } from "../orchestration/jobs/find-tasks.ts";
import type { Task, TaskState } from "../orchestration/jobs/task.ts";
import { placeOf } from "../project/place.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { liveRuns } from "../runs/live-runs.ts";
import { progressText } from "../terminal/progress-line.ts";
import { table } from "../terminal/table.ts";
import { exit } from "../util/context.ts";
import { defineCommand, optional } from "./command.ts";
import { json } from "./common-options.ts";

/** Reads the queues of job systems, and the results that jobs wrote when they ended. */
export const command = defineCommand({
  arguments: { run: optional("run", "A run or an experiment. Without one, every submitted job is shown.") },
  options: { json },
  async run({ run: given, json }, context) {
    const { artifacts } = placeOf(context.cwd);
    const tasks = await withRecords(await findTasks(given, artifacts));
    const live = liveRuns(artifacts);
    const rows = await Promise.all(
      tasks.map(async (task) => ({ ...task, at: currentSteps(task, live), log: await logOf(task) })),
    );
    if (json) {
      const shown = rows.map(({ name: run, job, state, node, elapsed, detail, at, log, submission }) => ({
        ...{ run, job, state, node, elapsed, detail, at, log, submission },
      }));
      context.out(`${JSON.stringify(shown, null, 1)}\n`);
      return exit.done;
    }
    if (rows.length === 0) {
      context.out(`no job was submitted yet: exp run FILE --executor ${submitting().join(" or ")}\n`);
      return exit.done;
    }
    const lines = rows.map(({ name: run, job, state, node, elapsed, explanation, at }) => {
      return [run, job, state, node, elapsed, at || explanation];
    });
    context.out(
      table([["run", "job", "state", "node", "time", ""], ...lines], {
        color: context.color,
        columns: context.columns,
      }),
    );
    const counts = new Map<string, number>();
    for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
    context.out(`${[...counts].map(([state, count]) => `${count} ${state}`).join(", ")}\n`);
    if (rows.some(({ state }) => unfinished.has(state))) context.out("exp run again submits the missing runs\n");
    return exit.done;
  },
});

const unfinished: ReadonlySet<TaskState> = new Set<TaskState>(["failed", "interrupted", "cancelled", "lost"]);

/** The steps that a running job executes: "train  120/400 steps". */
function currentSteps({ name, state }: Task, live: readonly LiveRun[]): string {
  if (state !== "running") return "";
  const running = live.find(({ files }) => files.includes(name))?.running ?? [];
  return running.map(({ step, progress }) => `${step}  ${progressText(progress)}`.trimEnd()).join("; ");
}
