import { logOf, submitting, tasksNamed, withRecords } from "../orchestration/jobs/find-tasks.ts";
import type { Task, TaskState } from "../orchestration/jobs/task.ts";
import { placeOf } from "../project/place.ts";
import { findRun } from "../runs/finished-runs.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { liveRuns } from "../runs/live-runs.ts";
import { finishedHere, isRunning, type LocalRun, runningHere } from "../runs/local-run.ts";
import { progressText } from "../terminal/progress-line.ts";
import { table } from "../terminal/table.ts";
import { type Context, exit } from "../util/context.ts";
import { duration, plural } from "../util/format.ts";
import type { Progress } from "../util/progress.ts";
import { defineCommand, optional } from "./command.ts";
import { json } from "./common-options.ts";

/**
 * Reads the queues of job systems, the results that jobs wrote when they ended, and the files in which running processes of
 * exp record their progress.
 */
export const command = defineCommand({
  arguments: {
    run: optional("run", "A run or an experiment. Without one, every submitted job and every run here is shown."),
  },
  options: { json },
  async run({ run: given, json }, context) {
    const { artifacts } = placeOf(context.cwd);
    const tasks = await withRecords(await tasksNamed(given, artifacts));
    const names = new Set(tasks.map(({ name }) => name));
    const here = localRuns(given, { artifacts, cwd: context.cwd, isSubmitted: tasks.length > 0 }).filter(
      ({ name }) => !names.has(name),
    );
    const live = liveRuns(artifacts);
    const rows = await Promise.all(
      tasks.map(async (task) => ({ ...task, at: currentSteps(task, live), log: await logOf(task) })),
    );
    if (json) {
      const shown = rows.map(({ name: run, job, state, node, elapsed, detail, at, log, submission }) => ({
        ...{ run, job, state, node, elapsed, detail, at, log, submission },
      }));
      context.out(`${JSON.stringify([...shown, ...here.map(localJson)], null, 1)}\n`);
      return exit.done;
    }
    for (const run of here) context.out(localText(run, context));
    if (rows.length === 0) {
      if (here.length > 0) return exit.done;
      const submit = `exp run FILE --executor ${submitting().join(" or ")}`;
      context.out(`nothing is running here, and no job was submitted yet: ${submit}. exp ls lists finished runs\n`);
      return exit.done;
    }
    if (here.length > 0) context.out("\n");
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

/** The runs on this machine that a name selects: running ones, else a finished one. All running ones without a name. */
function localRuns(
  name: string | undefined,
  { artifacts, cwd, isSubmitted }: { readonly artifacts: string; readonly cwd: string; readonly isSubmitted: boolean },
): readonly LocalRun[] {
  const running = runningHere(artifacts);
  if (name === undefined) return running;
  const named = running.filter((run) => isRunning(run, name));
  return named.length > 0 || isSubmitted ? named : [finishedHere(findRun(name, artifacts, cwd), artifacts)];
}

/** A run in the form of a job: it has no number, no node and no submission. */
function localJson({ name: run, state, steps }: LocalRun) {
  const at = steps.filter((step) => step.state !== "done").map(({ step, progress }) => stepText(step, progress));
  const common = { run, job: null, state, node: null, elapsed: "", detail: "", at: at.join("; "), log: null };
  return { ...common, submission: null, steps: steps.map(({ log = null, ...step }) => ({ ...step, log })) };
}

function localText({ name, state, ended, total, steps }: LocalRun, context: Context): string {
  const lines = steps.map(({ step, state: at, progress, message, seconds }) => {
    return [step, at, seconds === null ? "" : duration(seconds), at === "running" ? progressText(progress) : message];
  });
  const fit = context.tty ? { columns: context.columns } : {};
  const head = `${name}: ${state}, ${ended} of ${plural(total, "step")} ended\n`;
  if (lines.length === 0) return head;
  return `${head}${table([["step", "state", "time", ""], ...lines], { color: context.color, ...fit })}`;
}

const stepText = (step: string, progress: Progress): string => `${step}  ${progressText(progress)}`.trimEnd();

/** The steps that a running job executes: "train  120/400 steps". */
function currentSteps({ name, state }: Task, live: readonly LiveRun[]): string {
  if (state !== "running") return "";
  const running = live.find(({ files }) => files.includes(name))?.running ?? [];
  return running.map(({ step, progress }) => stepText(step, progress)).join("; ");
}
