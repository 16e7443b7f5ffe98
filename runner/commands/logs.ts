import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import { findTasks } from "../plugins/executors/slurm/named-jobs.ts";
import { queue } from "../plugins/executors/slurm/slurm.ts";
import { isLive, type Task } from "../plugins/executors/slurm/tasks.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { defineCommand, flag, required } from "./command.ts";

/** Between two looks at a log that is followed, and at the queue, in ms. */
const pace = 500;
const looks = 5_000;

/** A log has the output of all starts of a job. Several logs are followed by line, each line after the name of its run. */
export const command = defineCommand({
  arguments: { run: required("run", "A run, or an experiment for the logs of all its jobs.") },
  options: { follow: flag("Print new lines until the jobs end.", { short: "f" }) },
  async run({ run, follow }, context) {
    const tasks = await findTasks(run, context);
    if (follow && tasks.length > 1) await followAll(tasks, context);
    else for (const task of tasks) await print(task, { follow, isAlone: tasks.length === 1 }, context);
    return exit.done;
  },
});

async function print(
  task: Task,
  { follow, isAlone }: { readonly follow: boolean; readonly isAlone: boolean },
  context: Context,
): Promise<void> {
  const { name, job, state, log } = task;
  if (!isAlone) context.out(`== ${name}, job ${job}, ${state} ==\n`);
  if (!existsSync(log)) context.err(`job ${job} has printed nothing yet (${state})\n`);
  const tail = new Tail(log);
  context.out(tail.next());
  if (follow) await whileLive([task], () => context.out(tail.next()), context);
}

/** Of jobs that wait or run, what they print from now on: whole lines, which may come in any order. */
async function followAll(tasks: readonly Task[], context: Context): Promise<void> {
  const live = tasks.filter(isLive);
  const over = tasks.length - live.length;
  if (over > 0) context.err(`${plural(over, "job")} of these ${over === 1 ? "is" : "are"} over: exp logs RUN\n`);
  const width = Math.max(0, ...live.map((task) => shortName(task).length));
  const tails = live.map((task) => {
    const tail = new Tail(task.log);
    tail.next();
    return { head: `${shortName(task).padEnd(width)} | `, tail, rest: "" };
  });
  const tell = (): void => {
    for (const one of tails) {
      const lines = (one.rest + one.tail.next()).split("\n");
      one.rest = lines.pop() as string;
      for (const line of lines) context.out(`${one.head}${line}\n`);
    }
  };
  await whileLive(live, tell, context);
}

/** "train.rank=8": what tells a run of a sweep from the others. */
function shortName({ name }: Task): string {
  return name.slice(name.indexOf("/") + 1);
}

/** Looks again and again until the jobs have left the queue, or the reader has seen enough. */
async function whileLive(tasks: readonly Task[], look: () => void, context: Context): Promise<void> {
  let looked = Number.NEGATIVE_INFINITY;
  for (let live = tasks.length > 0; live && !context.stop.aborted; ) {
    if (performance.now() - looked > looks) {
      const waiting = await queue();
      live = tasks.some(({ job }) => waiting.has(job));
      looked = performance.now();
    }
    look();
    if (live) await sleep(pace, undefined, { signal: context.stop }).catch(() => undefined);
  }
}

/** A file that grows; it need not be there yet. */
class Tail {
  readonly #path: string;
  readonly #decoder = new StringDecoder("utf8");
  #end = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was added since the last call. */
  next(): string {
    if (!existsSync(this.#path)) return "";
    const fd = openSync(this.#path, "r");
    const bytes = Buffer.alloc(2 ** 16);
    let text = "";
    try {
      for (;;) {
        const read = readSync(fd, bytes, 0, bytes.length, this.#end);
        if (read === 0) return text;
        text += this.#decoder.write(bytes.subarray(0, read));
        this.#end += read;
      }
    } finally {
      closeSync(fd);
    }
  }
}
