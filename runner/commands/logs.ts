import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { lastLines } from "../execution/log-tail.ts";
import { jobSystemOf, logOf, tasksNamed } from "../orchestration/jobs/find-tasks.ts";
import { isLive, type Task } from "../orchestration/jobs/task.ts";
import { placeOf } from "../project/place.ts";
import { findRun } from "../runs/finished-runs.ts";
import { finishedHere, isRunning, runningHere } from "../runs/local-run.ts";
import { type Context, exit } from "../util/context.ts";
import { firstNames, plural } from "../util/format.ts";
import { pathKind } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, flag, optional, required } from "./command.ts";

/** Between two reads of a log that is followed, and between two queries of the queue. ms */
const readInterval = 500;
const queueInterval = 5_000;

/** Lines of each step's log that are shown if no step is named. */
const tailLines = 20;

/**
 * A log has the output of all starts of a job. Several logs are followed by line, each line after the name of its run. The steps
 * of runs on this machine have a log each.
 */
export const command = defineCommand({
  arguments: {
    run: required("run", "A run, or an experiment for the logs of all its jobs."),
    step: optional("step", "Print the whole log of this step of a run on this machine."),
  },
  options: { follow: flag("Print new lines until the jobs end.", { short: "f" }) },
  async run({ run, step, follow }, context) {
    const { artifacts } = placeOf(context.cwd);
    const tasks = step === undefined ? await tasksNamed(run, artifacts) : [];
    if (tasks.length === 0) {
      await printLocal(run, step, { follow, artifacts }, context);
      return exit.done;
    }
    if (follow && tasks.length > 1) await followAll(tasks, context);
    else for (const task of tasks) await print(task, { follow, isAlone: tasks.length === 1 }, context);
    return exit.done;
  },
});

/** Prints the logs of the steps of a run on this machine: the ends of all, or the whole log of one. */
async function printLocal(
  name: string,
  wanted: string | undefined,
  { follow, artifacts }: { readonly follow: boolean; readonly artifacts: string },
  context: Context,
): Promise<void> {
  const running = runningHere(artifacts).filter((one) => isRunning(one, name));
  const runs = running.length > 0 ? running : [finishedHere(findRun(name, artifacts, context.cwd), artifacts)];
  const steps = runs.flatMap((run) => run.steps);
  if (wanted === undefined) {
    const logged = steps.flatMap(({ step, state, log }) => (log === undefined ? [] : [{ step, state, log }]));
    if (logged.length === 0) context.err(`no step of ${firstNames(runs.map((run) => run.name))} has a log here\n`);
    for (const { step, state, log } of logged) {
      const lines = lastLines(log, tailLines).map(printable);
      context.out(`== ${step}, ${state} ==\n${lines.map((line) => `${line}\n`).join("")}`);
    }
    if (!follow) return;
  }
  const live = steps.find(({ step, state }) => (wanted === undefined ? state === "running" : step === wanted));
  if (live?.log === undefined) {
    if (wanted === undefined) return;
    const known = steps.flatMap(({ step, log }) => (log === undefined ? [] : [step]));
    throw new UserError("log-not-found", `step "${wanted}" of ${name} has no log here`, {
      help:
        known.length === 0 ? "a step without a Python process has no log" : `steps with a log: ${firstNames(known)}`,
      status: "invalid",
    });
  }
  const { step, log } = live;
  const file = new GrowingFile(log);
  if (wanted === undefined) file.skip();
  const printNew = (): void => {
    for (const text of file.read()) context.out(printable(text));
  };
  printNew();
  const isGoing = (): boolean =>
    runningHere(artifacts).some((run) => run.steps.some((one) => one.log === log && one.step === step));
  while (follow && !context.stop.aborted && isGoing()) {
    await sleep(readInterval, undefined, { signal: context.stop }).catch(() => undefined);
    printNew();
  }
  printNew();
}

/** A text of a log without the sequences that control a terminal. */
const printable = (text: string): string => stripVTControlCharacters(text);

async function print(
  task: Task,
  { follow, isAlone }: { readonly follow: boolean; readonly isAlone: boolean },
  context: Context,
): Promise<void> {
  const { name, job, state } = task;
  const log = await logOf(task);
  if (!isAlone) context.out(`== ${name}, job ${job}, ${state} ==\n`);
  if (!existsSync(log)) context.err(`job ${job} has printed nothing yet (${state})\n`);
  const file = new GrowingFile(log);
  const printNew = (): void => {
    for (const text of file.read()) context.out(text);
  };
  printNew();
  if (follow) await whileLive([task], printNew, context);
}

/** Prints new lines of unfinished jobs. Lines of several jobs are not in a defined order. */
async function followAll(tasks: readonly Task[], context: Context): Promise<void> {
  const live = tasks.filter(isLive);
  const ended = tasks.length - live.length;
  if (ended > 0) context.err(`${plural(ended, "job")} ended before: exp logs RUN prints the log of one\n`);
  const width = Math.max(0, ...live.map((task) => shortName(task).length));
  const logs = await Promise.all(
    live.map(async (task) => {
      const file = new GrowingFile(await logOf(task));
      file.skip();
      return { prefix: `${shortName(task).padEnd(width)} | `, file, rest: "" };
    }),
  );
  const printLines = (): void => {
    for (const log of logs) {
      for (const text of log.file.read()) {
        const lines = (log.rest + text).split("\n");
        log.rest = lines.pop() as string;
        for (const line of lines) context.out(`${log.prefix}${line}\n`);
      }
    }
  };
  await whileLive(live, printLines, context);
}

/** The name of a run within its sweep: "train.rank=8". */
function shortName({ name }: Task): string {
  return name.slice(name.indexOf("/") + 1);
}

/** Calls `read` regularly until the jobs have left the queue, or the user stops. */
async function whileLive(tasks: readonly Task[], read: () => void, context: Context): Promise<void> {
  let queried = Number.NEGATIVE_INFINITY;
  for (let live = tasks.length > 0; live && !context.stop.aborted; ) {
    if (performance.now() - queried > queueInterval) {
      live = await areQueued(tasks);
      queried = performance.now();
    }
    read();
    if (live) await sleep(readInterval, undefined, { signal: context.stop }).catch(() => undefined);
  }
}

async function areQueued(tasks: readonly Task[]): Promise<boolean> {
  for (const executor of new Set(tasks.map((task) => task.executor))) {
    const queue = await (await jobSystemOf(executor)).queue();
    if (tasks.some((task) => task.executor === executor && queue.has(task.job))) return true;
  }
  return false;
}

/** A file that grows; it may not exist yet. */
class GrowingFile {
  readonly #path: string;
  readonly #decoder = new StringDecoder("utf8");
  #end = 0;
  #isAfterReturn = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Passes over what the file has now. */
  skip(): void {
    this.#end = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** The text that was added since the last call, in pieces. Each state of a progress bar is a line. */
  *read(): Generator<string> {
    if (pathKind(this.#path) !== "file") return;
    const fd = openSync(this.#path, "r");
    const bytes = Buffer.alloc(2 ** 16);
    try {
      for (;;) {
        const count = readSync(fd, bytes, 0, bytes.length, this.#end);
        if (count === 0) return;
        this.#end += count;
        const text = this.#decoder.write(bytes.subarray(0, count));
        // One line end may be at the end of a piece and the start of the next one.
        const rest = this.#isAfterReturn && text.startsWith("\n") ? text.slice(1) : text;
        this.#isAfterReturn = text.endsWith("\r");
        yield rest.replaceAll(/\r\n?/g, "\n");
      }
    } finally {
      closeSync(fd);
    }
  }
}
