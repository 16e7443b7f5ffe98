import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { checklistMarkdown, checklistOf } from "../reporting/checklist/checklist.ts";
import { readmeMark, readmeOf } from "../reporting/checklist/readme.ts";
import { checklistInputOf } from "../reporting/export/checklist-input.ts";
import { finishedStudy } from "../reporting/export/finished-study.ts";
import { exit } from "../util/context.ts";
import { readStart } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { writeFileInside } from "../util/write-file.ts";
import { defineCommand, flag, oneOrMore, value } from "./command.ts";
import { json } from "./common-options.ts";

export const command = defineCommand({
  arguments: { runs: oneOrMore("run", "A finished run: its id, its experiment (for the latest run), or a manifest.") },
  options: {
    readme: flag("Also write the study's README.md, in the sections of the checklist."),
    out: value("dir", "Write README.md into this folder.", { default: "the project's folder" }),
    force: flag("Replace a README.md that exp did not write."),
    json,
  },
  async run({ runs, readme, out, force, json }, context) {
    const study = await finishedStudy("checklist", runs, context);
    const material = checklistInputOf(study);
    if (readme) {
      const folder = resolve(context.cwd, out ?? study.root);
      const path = join(folder, "README.md");
      const shown = relative(context.cwd, path);
      if (existsSync(path) && !readStart(path, readmeMark.length).toString("utf8").startsWith(readmeMark) && !force) {
        throw new UserError("file-exists", `${shown} was not written by exp and is kept`, {
          help: "--out DIR writes to another folder, --force replaces the file",
          status: "invalid",
        });
      }
      writeFileInside(folder, "README.md", readmeOf(material));
      context.err(`exp checklist: wrote ${shown}\n`);
    }
    const checklist = checklistOf(material);
    context.out(json ? `${JSON.stringify(checklist, null, 1)}\n` : checklistMarkdown(checklist));
    return exit.done;
  },
});
