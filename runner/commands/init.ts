import { type Dirent, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { type Context, exit } from "../util/context.ts";
import { shellWord } from "../util/shell.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required, value } from "./command.ts";

/** Files with another name in this package, because npm or git would interpret the final one. */
const renamed: Readonly<Record<string, string>> = {
  gitignore: ".gitignore",
  dockerignore: ".dockerignore",
  "package.template.json": "package.json",
};

/** Files of the example that a study for a data file does not have, or has in another form. */
const replaced = /^(?:(?:experiments|labels|prompts)\/|README\.md)/;

/** Path of the schema in the package, for editors. */
const schema = "runner/schemas/experiment.schema.json";

/** Files that are written for a data file. */
const studyFiles = ["experiments/first.yaml", "experiments/schemas/first.schema.json", "prompts/task.hbs"];

/** Never changes a file that exists. */
export const command = defineCommand({
  arguments: { dir: required("dir", "The folder of the new study.") },
  options: {
    data: value(
      "file",
      "Write an experiment, its task and a prompt for this data file, or the files of a quoted glob.",
      { default: "an example" },
    ),
  },
  async run({ dir, data }, context) {
    const folder = resolve(context.cwd, dir);
    const name = basename(folder)
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, "-")
      .replace(/^[._-]+/, "");
    const from = join(context.packageRoot, "runner/templates/study");
    const files = (readdirSync(from, { recursive: true, withFileTypes: true }) as readonly Dirent[])
      .filter((entry) => entry.isFile())
      .map((entry) => relative(from, join(entry.parentPath, entry.name)))
      .filter((file) => data === undefined || !replaced.test(file.replaceAll(sep, "/")))
      .sort();
    const target = (file: string): string => join(folder, renamed[file] ?? file);
    const existing = [...files, ...(data === undefined ? [] : studyFiles)]
      .map(target)
      // A link that leads to no file counts too: a file would be written where it leads.
      .filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined)
      .map((path) => relative(context.cwd, path));
    if (existing.length > 0) {
      throw new UserError(
        "file-exists",
        `${existing.join(", ")} ${existing.length === 1 ? "exists" : "exist"} already`,
        {
          help: "name a new folder; nothing was written",
          status: "invalid",
        },
      );
    }
    const schemaPath = schemaFrom(join(folder, "experiments"), context.packageRoot);
    const studyName = name === "" ? "study" : name;
    const own =
      data === undefined
        ? undefined
        : await (await import("./init-data.ts")).studyFor(data, { folder, schema: schemaPath }, context);
    const values: Readonly<Record<string, string>> = {
      "{{name}}": studyName,
      "{{exp}}": dependency(folder, context),
      "{{schema}}": schemaPath,
      "{{open}}": "{{",
      "{{close}}": "}}",
    };
    makeFolder(folder);
    for (const file of files) {
      let text = readFileSync(join(from, file), "utf8");
      for (const [mark, value] of Object.entries(values)) text = text.replaceAll(mark, value);
      mkdirSync(dirname(target(file)), { recursive: true });
      writeFileSync(target(file), text);
    }
    for (const [file, text] of Object.entries(own?.files ?? {})) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    const shown = relative(context.cwd, folder) || ".";
    if (own !== undefined) context.out(`${own.summary}\n`);
    context.out(
      `${shown}: wrote a study of ${files.length + Object.keys(own?.files ?? {}).length} files. ${data === undefined ? "Run" : "Check"} its first experiment:\n`,
    );
    context.out(`  cd ${shellWord(shown)}\n`);
    if (!isInstalledAbove(folder, context.packageRoot)) context.out("  npm install\n");
    context.out(`  npx exp ${data === undefined ? "run" : "check"} experiments/first.yaml\n`);
    return exit.done;
  },
});

/**
 * Makes a folder and those above it. Throws UserError `cannot-write`. Node's recursive mkdir does not end in /proc,
 * where a parent that exists is reported as missing.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    throw new UserError("cannot-write", `cannot create ${path}: ${(error as Error).message}`, {
      help: "name a folder that you may write",
      status: "invalid",
    });
  }
}

/** What package.json depends on: the folder of the clone that exp runs in, or else this version of the package. */
function dependency(folder: string, { packageRoot, version }: Pick<Context, "packageRoot" | "version">): string {
  const isClone = basename(dirname(packageRoot)) !== "node_modules";
  return isClone ? `file:${relative(folder, packageRoot).replaceAll(sep, "/")}` : version();
}

/** Whether Node resolves this package from the folder: it is in node_modules of the folder or of one above. */
function isInstalledAbove(folder: string, packageRoot: string): boolean {
  const modules = dirname(resolve(packageRoot));
  return basename(modules) === "node_modules" && `${folder}${sep}`.startsWith(`${dirname(modules)}${sep}`);
}

/** The schema's path from experiments/: in the installed package, else where `npm install` will put it. */
function schemaFrom(experiments: string, packageRoot: string): string {
  const installed = isInstalledAbove(dirname(experiments), packageRoot)
    ? join(packageRoot, schema)
    : join(dirname(experiments), "node_modules/exp-study", schema);
  return relative(experiments, installed).replaceAll(sep, "/");
}
