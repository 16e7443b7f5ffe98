import { existsSync, readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { ExportRefused, exportedFiles } from "../reporting/export/export.ts";
import { finishedStudy } from "../reporting/export/finished-study.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp export DIR RUN…`: everything that is handed in, from finished runs: the same runs give the same bytes. */
export const command: Act = async ([dir, names], options, context) => {
  const folder = resolve(context.cwd, dir as string);
  if (existsSync(folder) && readdirSync(folder).length > 0 && options.force !== true) {
    context.err(
      `exp export: ${relative(context.cwd, folder) || "."} is not empty\n  help: name another folder, or --force to write into it\n`,
    );
    return exit.invalid;
  }
  const study = await finishedStudy("export", names as string[], context);
  if (study === undefined) return exit.invalid;
  try {
    const files = await exportedFiles(study, context, (warning) => context.err(`exp export: warning: ${warning}\n`));
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
      if (options.json !== true) context.out(`${relative(context.cwd, path)}\n`);
    }
    if (options.json === true) context.out(`${JSON.stringify({ folder, files: Object.keys(files) }, null, 1)}\n`);
    return exit.done;
  } catch (error) {
    if (!(error instanceof ExportRefused)) throw error;
    context.err(`exp export: ${error.message}\n`);
    return exit.invalid;
  }
};
