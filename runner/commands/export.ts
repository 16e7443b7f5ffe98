import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { exportedFiles } from "../reporting/export/export.ts";
import { finishedStudy } from "../reporting/export/finished-study.ts";
import { exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { writeFileInside } from "../util/write-file.ts";
import { defineCommand, flag, oneOrMore, required } from "./command.ts";
import { json } from "./common-options.ts";

/** The same runs give the same bytes. */
export const command = defineCommand({
  arguments: {
    dir: required("dir", "The folder of the study package."),
    runs: oneOrMore("run", "A finished run."),
  },
  options: { force: flag("Write into a folder that is not empty."), json },
  async run({ dir, runs, force, json }, context) {
    const folder = resolve(context.cwd, dir);
    if (existsSync(folder) && readdirSync(folder).length > 0 && !force) {
      throw new UserError("folder-not-empty", `${relative(context.cwd, folder) || "."} is not empty`, {
        help: "name another folder, or write into it with --force",
        status: "invalid",
      });
    }
    const study = await finishedStudy("export", runs, context);
    const files = await exportedFiles(study, context, (warning) => context.err(`exp export: warning: ${warning}\n`));
    for (const [name, bytes] of Object.entries(files)) {
      writeFileInside(folder, name, bytes);
      if (!json) context.out(`${relative(context.cwd, join(folder, name))}\n`);
    }
    if (json) context.out(`${JSON.stringify({ folder, files: Object.keys(files) }, null, 1)}\n`);
    return exit.done;
  },
});
