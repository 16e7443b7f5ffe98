import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { findTasks, sayWrong } from "../cluster/named.ts";
import { queue } from "../cluster/slurm.ts";
import type { Task } from "../cluster/tasks.ts";
import { type Act, type Context, exit } from "../project/context.ts";

/** Between two looks at a log that is followed, and at the queue, in ms. */
const pace = 500;
const looks = 5_000;

/** `exp logs RUN`: what a job has printed, over all its starts; with -f until it ends. */
export const command: Act = async ([name], { follow }, context) => {
  try {
    const tasks = await findTasks(name as string, context);
    if (follow === true && tasks.length > 1) {
      const names = tasks.map((task) => task.name).join("\n  ");
      context.err(`exp logs: -f follows one run, and "${name}" names ${tasks.length}:\n  ${names}\n`);
      return exit.invalid;
    }
    for (const task of tasks) {
      if (tasks.length > 1) context.out(`== ${task.name}, job ${task.job}, ${task.state} ==\n`);
      if (!existsSync(task.log)) context.err(`job ${task.job} has printed nothing yet (${task.state})\n`);
      const end = print(task.log, 0, context);
      if (follow === true) await goOn(task, end, context);
    }
    return exit.done;
  } catch (error) {
    return sayWrong("logs", error, context);
  }
};

/** Prints what is added to a log until its job has left the queue, or the reader has seen enough. */
async function goOn({ job, log }: Task, from: number, context: Context): Promise<void> {
  let end = from;
  for (let looked = Number.NEGATIVE_INFINITY, live = true; live && !context.stop.aborted; ) {
    if (performance.now() - looked > looks) {
      live = (await queue()).has(job);
      looked = performance.now();
    }
    end = print(log, end, context);
    if (live) await sleep(pace, undefined, { signal: context.stop }).catch(() => undefined);
  }
}

/** Prints a file from an offset on; gives where it ended. */
function print(path: string, from: number, context: Context): number {
  if (!existsSync(path)) return from;
  const fd = openSync(path, "r");
  const bytes = Buffer.alloc(2 ** 16);
  let end = from;
  try {
    for (
      let read = readSync(fd, bytes, 0, bytes.length, end);
      read > 0;
      read = readSync(fd, bytes, 0, bytes.length, end)
    ) {
      context.out(bytes.toString("utf8", 0, read));
      end += read;
    }
  } finally {
    closeSync(fd);
  }
  return end;
}
