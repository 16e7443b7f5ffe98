import { openStored } from "../project/place.ts";
import { openToPush } from "../publishing/remotes/destination.ts";
import { push, type Transfer } from "../publishing/remotes/push.ts";
import { findRun } from "../runs/finished-runs.ts";
import { exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { defineCommand, oneOrMore, required } from "./command.ts";
import { json } from "./common-options.ts";

/** Files that the destination has already are not sent again. */
export const command = defineCommand({
  arguments: {
    dest: required("dest", "A folder, s3://bucket/prefix or hf://datasets/user/name. It must be private."),
    runs: oneOrMore("run", "A finished run."),
  },
  options: { json },
  async run({ dest: destination, runs: names, json }, context) {
    const project = openStored(context.cwd, context, "read");
    try {
      const runs = names.map((name) => findRun(name, project.artifacts, context.cwd));
      const remote = await openToPush(destination, project, context);
      const moved = await push(remote, runs, project);
      context.out(movedText({ destination, moved, json, verb: "pushed" }));
      return exit.done;
    } finally {
      project.store.close();
    }
  },
});

/** The copied runs, for people or as JSON. */
export function movedText({
  destination,
  moved,
  json,
  verb,
}: {
  readonly destination: string;
  readonly moved: readonly Transfer[];
  readonly json: boolean;
  readonly verb: "pushed" | "pulled";
}): string {
  if (json) return `${JSON.stringify({ destination, runs: moved }, null, 1)}\n`;
  return moved
    .map(({ experiment, run, files, moved: count, bytes }) => {
      const what = count === 0 ? "all were there" : `${count} copied (${(bytes / 1e6).toFixed(1)} MB)`;
      return `${verb} ${experiment}/${run}: ${plural(files, "file")}, ${what}\n`;
    })
    .join("");
}
