import { findTasks, sayWrong } from "../cluster/named.ts";
import { scancel } from "../cluster/slurm.ts";
import { isLive } from "../cluster/tasks.ts";
import { type Act, exit } from "../project/context.ts";
import { plural } from "../show/quantity.ts";

/** `exp cancel RUN`: takes a run's job, or an experiment's jobs, out of Slurm's hands. What is finished or saved stays. */
export const command: Act = async ([name], { json }, context) => {
  try {
    const live = (await findTasks(name as string, context)).filter(isLive);
    await scancel(live.map(({ job }) => job));
    if (json === true) context.out(`${JSON.stringify(live.map(({ name: run, job }) => ({ run, job })))}\n`);
    else if (live.length === 0) context.out(`nothing of ${name} is queued or running\n`);
    else context.out(`cancelled ${plural(live.length, "job")}: ${live.map(({ job }) => job).join(", ")}\n`);
    return exit.done;
  } catch (error) {
    return sayWrong("cancel", error, context);
  }
};
