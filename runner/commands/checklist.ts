import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { checklistMarkdown, checklistOf } from "../reporting/checklist/checklist.ts";
import { readmeMark, readmeOf } from "../reporting/checklist/readme.ts";
import { materialOf } from "../reporting/export/checklist-input.ts";
import { finishedStudy } from "../reporting/export/finished-study.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp checklist RUN…`: the reproducibility checklist with its evidence; with --readme the study's README.md. */
export const command: Act = async ([names], options, context) => {
  const study = await finishedStudy("checklist", names as string[], context);
  if (study === undefined) return exit.invalid;
  const material = materialOf(study);
  if (options.readme === true) {
    const folder = resolve(context.cwd, (options.out as string | undefined) ?? study.root);
    const path = join(folder, "README.md");
    const isForeign = existsSync(path) && !readFileSync(path, "utf8").startsWith(readmeMark);
    if (isForeign && options.force !== true) {
      context.err(
        `exp checklist: ${relative(context.cwd, path)} was written by somebody else and stays as it is\n` +
          "  help: --out DIR writes it elsewhere, --force in its place\n",
      );
      return exit.invalid;
    }
    await mkdir(folder, { recursive: true });
    await writeFile(path, readmeOf(material));
    context.err(`exp checklist: wrote ${relative(context.cwd, path)}\n`);
  }
  const checklist = checklistOf(material);
  context.out(options.json === true ? `${JSON.stringify(checklist, null, 1)}\n` : checklistMarkdown(checklist));
  return exit.done;
};
