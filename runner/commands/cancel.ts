import { findTasks, sayWrong } from "../plugins/executors/slurm/named-jobs.ts";
import { scancel } from "../plugins/executors/slurm/slurm.ts";
import { isLive } from "../plugins/executors/slurm/tasks.ts";
import { type Act, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";

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
