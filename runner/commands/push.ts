import { redactor } from "../execution/redact.ts";
import { systemFailure } from "../execution/system.ts";
import { openStored } from "../project/place.ts";
import { openToPush } from "../publishing/remotes/destination.ts";
import { type Moved, push } from "../publishing/remotes/push.ts";
import { findRun, RunNotFound } from "../runs/finished-runs.ts";
import { type Act, type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";

/** `exp push DEST RUN...`: copies runs with all their files to a place that is private; what is there is not sent again. */
export const command: Act = async ([destination, names], { json }, context) => {
  const project = openStored(context.cwd, context, "read");
  try {
    const runs = (names as string[]).map((name) => findRun(name, project.artifacts, context.cwd));
    const shelf = await openToPush(destination as string, project, context);
    const moved = await push(shelf, runs, project);
    context.out(movedText({ destination: destination as string, moved, json: json === true, verb: "pushed" }));
    return exit.done;
  } catch (error) {
    return endOf("push", error, context);
  } finally {
    project.store.close();
  }
};

type Telling = {
  readonly destination: string;
  readonly moved: readonly Moved[];
  readonly json: boolean;
  readonly verb: "pushed" | "pulled";
};

/** What was copied, as people or programs read it. */
export function movedText({ destination, moved, json, verb }: Telling): string {
  if (json) return `${JSON.stringify({ destination, runs: moved }, null, 1)}\n`;
  return moved
    .map(({ experiment, run, files, moved: count, bytes }) => {
      const what = count === 0 ? "all were there" : `${count} copied (${(bytes / 1e6).toFixed(1)} MB)`;
      return `${verb} ${experiment}/${run}: ${plural(files, "file")}, ${what}\n`;
    })
    .join("");
}

/** Says why nothing, or not all, was copied, and gives the exit code. Throws what is a bug. */
export function endOf(name: "push" | "pull", error: unknown, context: Context): number {
  if (context.stop.aborted) {
    context.err(`exp ${name}: interrupted; run the same command again: what has arrived is not copied again\n`);
    return exit.interrupted;
  }
  if (error instanceof RunNotFound) {
    context.err(`exp ${name}: ${error.message}\n`);
    return exit.invalid;
  }
  const failure = error instanceof UserError ? error : systemFailure(error);
  if (failure === undefined) throw error;
  const redact = redactor(context.env as NodeJS.ProcessEnv);
  context.err(redact(`exp ${name}: ${failure.message} [${failure.code}]\n  help: ${failure.help}\n`));
  if (failure.code === "repo-public") return exit.refused;
  return failure.code === "bad-destination" ? exit.invalid : exit.failed;
}
