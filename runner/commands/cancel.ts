import { findTasks, jobSystemOf } from "../orchestration/jobs/find-tasks.ts";
import { submissionFiles } from "../orchestration/jobs/submission.ts";
import { isLive, type Task } from "../orchestration/jobs/task.ts";
import { placeOf } from "../project/place.ts";
import { originOfFile } from "../project/trust.ts";
import { exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required } from "./command.ts";
import { json } from "./common-options.ts";

export const command = defineCommand({
  arguments: { run: required("run", "A run, or an experiment to cancel all its jobs.") },
  options: { json },
  async run({ run: name, json }, context) {
    const live = (await findTasks(name, placeOf(context.cwd).artifacts)).filter(isLive);
    refuseForeign(live);
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

/** Throws UserError `untrusted` if another author wrote which jobs to cancel: they can be any jobs of this user. */
function refuseForeign(tasks: readonly Task[]): void {
  for (const path of new Set(tasks.flatMap(({ folder }) => submissionFiles(folder)))) {
    const origin = originOfFile(path);
    if (origin === undefined) continue;
    throw new UserError("untrusted", `${path} comes from ${origin}, and names jobs of yours`, {
      help: `cancel them with the program of the job system: ${tasks.map(({ job }) => job).join(" ")}`,
      status: "refused",
    });
  }
}
