import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { type Act, exit } from "../util/context.ts";
import { shellWord } from "../util/shell.ts";

/** Files whose own names npm or git would take for theirs while they lie in this package. */
const renamed: Readonly<Record<string, string>> = {
  gitignore: ".gitignore",
  dockerignore: ".dockerignore",
  "package.template.json": "package.json",
};

/** Where editors find the schema, from the package's folder. */
const schema = "runner/schemas/experiment.schema.json";

/** `exp init DIR`: a new study with an experiment that runs at once. What is in the folder already is never touched. */
export const command: Act = async ([dir], _options, context) => {
  const folder = resolve(context.cwd, dir as string);
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "");
  const from = join(context.packageRoot, "runner/templates/study");
  const files = (readdirSync(from, { recursive: true, withFileTypes: true }) as readonly import("node:fs").Dirent[])
    .filter((entry) => entry.isFile())
    .map((entry) => relative(from, join(entry.parentPath, entry.name)))
    .sort();
  const target = (file: string): string => join(folder, renamed[file] ?? file);
  const taken = files.map(target).filter(existsSync);
  if (taken.length > 0) {
    context.err(
      `exp init: ${taken.map((path) => relative(context.cwd, path)).join(", ")} ${taken.length === 1 ? "is" : "are"} there already\n` +
        "  help: name a new folder; nothing was written\n",
    );
    return exit.invalid;
  }
  const values: Readonly<Record<string, string>> = {
    "{{name}}": name === "" ? "study" : name,
    "{{version}}": context.version(),
    "{{schema}}": schemaFrom(join(folder, "experiments"), context.packageRoot),
    "{{open}}": "{{",
    "{{close}}": "}}",
  };
  try {
    makeFolder(folder);
  } catch (error) {
    context.err(
      `exp init: ${folder} cannot be made: ${(error as Error).message}\n  help: name a folder that you may write\n`,
    );
    return exit.invalid;
  }
  for (const file of files) {
    let text = readFileSync(join(from, file), "utf8");
    for (const [mark, value] of Object.entries(values)) text = text.replaceAll(mark, value);
    mkdirSync(dirname(target(file)), { recursive: true });
    writeFileSync(target(file), text);
  }
  const shown = relative(context.cwd, folder) || ".";
  context.out(`${shown}: a study of ${files.length} files. Its first experiment runs at once:\n`);
  context.out(`  cd ${shellWord(shown)}\n`);
  if (!isInstalledAbove(folder, context.packageRoot)) context.out("  npm install\n");
  context.out("  npx exp run experiments/first.yaml\n");
  return exit.done;
};

/** Makes a folder and those above it. Node's own way never ends in places such as /proc, which say that the parent is not there. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

/** Whether Node finds this package from the folder: it lies in node_modules of the folder or of one above. */
function isInstalledAbove(folder: string, packageRoot: string): boolean {
  const modules = dirname(resolve(packageRoot));
  return basename(modules) === "node_modules" && `${folder}${sep}`.startsWith(`${dirname(modules)}${sep}`);
}

/** The schema's path as the editor resolves it: in the package where it lies above, else where `npm install` will put it. */
function schemaFrom(experiments: string, packageRoot: string): string {
  const installed = isInstalledAbove(dirname(experiments), packageRoot)
    ? join(packageRoot, schema)
    : join(dirname(experiments), "node_modules/exp-study", schema);
  return relative(experiments, installed).replaceAll(sep, "/");
}
