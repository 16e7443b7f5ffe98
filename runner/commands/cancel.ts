import { findTasks, jobSystemOf } from "../orchestration/jobs/find-tasks.ts";
import { isLive } from "../orchestration/jobs/task.ts";
import { placeOf } from "../project/place.ts";
import { exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { defineCommand, required } from "./command.ts";
import { json } from "./common-options.ts";

export const command = defineCommand({
  arguments: { run: required("run", "A run, or an experiment to cancel all its jobs.") },
  options: { json },
  async run({ run: name, json }, context) {
    const live = (await findTasks(name, placeOf(context.cwd).artifacts)).filter(isLive);
    for (const executor of new Set(live.map((task) => task.executor))) {
      const system = await jobSystemOf(executor);
      await system.cancel(live.filter((task) => task.executor === executor).map(({ job }) => job));
    }
    if (json) context.out(`${JSON.stringify(live.map(({ name: run, job }) => ({ run, job })))}\n`);
    else if (live.length === 0) context.out(`${name} has no queued or running job\n`);
    else context.out(`cancelled ${plural(live.length, "job")}: ${live.map(({ job }) => job).join(", ")}\n`);
    return exit.done;
  },
});
