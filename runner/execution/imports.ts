import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, sep } from "node:path";

const closures = new Map<string, Readonly<Record<string, string>>>();
/** Absolute path of a Python file -> the files that it names directly. Closures of several modules share most files. */
const named = new Map<string, readonly string[]>();

/**
 * All files below `<root>/recipes/` that running a module may read: "recipes/common/protocol.py" -> absolute path,
 * sorted. They follow from import statements, also nested ones, from string literals that name a module
 * ("recipes.steps.fetch"), and from string literals that name a data file in the module's folder ("patterns.json").
 * Cached in the process.
 */
export function pythonSources(root: string, module: string): Readonly<Record<string, string>> {
  const id = `${root}\n${module}`;
  const known = closures.get(id);
  if (known !== undefined) return known;
  if (moduleFile(root, module) === undefined) throw new Error(`no Python module ${module} below ${root}`);
  const found = new Set<string>();
  const queue = moduleFiles(root, module);
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    if (file.endsWith(".py")) queue.push(...dependencies(root, file));
  }
  const closure = Object.fromEntries([...found].sort().map((file) => [file, join(root, file)]));
  closures.set(id, closure);
  return closure;
}

/** Absolute path of a module without extension -> its file, relative to the root. */
const modules = new Map<string, string | undefined>();

/** The file of a module below the root, relative to it; undefined if the name is no module there. */
function moduleFile(root: string, name: string): string | undefined {
  const path = name.replaceAll(".", "/");
  const id = join(root, path);
  if (!modules.has(id)) {
    const file = [`${path}.py`, `${path}/__init__.py`].find((one) => existsSync(join(root, one)));
    modules.set(id, file);
  }
  return modules.get(id);
}

/** The files that importing "recipes.a.b" reads: those of the packages above it, and its own. */
function moduleFiles(root: string, name: string): string[] {
  const parts = name.split(".");
  return parts.flatMap((_, index) => moduleFile(root, parts.slice(0, index + 1).join(".")) ?? []);
}

/** The files that a Python file names. */
function dependencies(root: string, file: string): readonly string[] {
  const path = join(root, file);
  const known = named.get(path);
  if (known !== undefined) return known;
  const names = namedModules(readFileSync(path, "utf8"), dirname(file).split("/").join("."));
  const imported = names.filter((name) => name === "recipes" || name.startsWith("recipes."));
  const data = names.flatMap((name) => (name.startsWith("file:") ? [join(dirname(file), name.slice(5))] : []));
  const found = [
    ...new Set(imported.flatMap((name) => moduleFiles(root, name))),
    ...data.filter((name) => isFile(join(root, name))).map((name) => name.split(sep).join("/")),
  ];
  named.set(path, found);
  return found;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/**
 * Names in a Python source: modules ("recipes.a", and "recipes.a.b" even if b is an attribute), and "file:NAME" for
 * literals that look like a data file. `folder` is the dotted package of the source.
 */
export function namedModules(source: string, folder: string): string[] {
  const text = source.replaceAll(/\\\r?\n/g, " ");
  const names: string[] = [];
  for (const [, list = ""] of text.matchAll(/^[ \t]*import[ \t]+([^\n#;]+)/gm)) {
    names.push(...list.split(",").map(importedName));
  }
  const from = /^[ \t]*from[ \t]+(\.*)[ \t]*([\w.]*)[ \t]+import[ \t]*(\([^)]*\)|[^\n#;]+)/gm;
  for (const [, dots = "", module = "", list = ""] of text.matchAll(from)) {
    const base = [dots === "" ? "" : above(folder, dots.length - 1), module].filter((part) => part !== "").join(".");
    const members = list
      .replaceAll(/#.*|[()]/g, "")
      .split(",")
      .map(importedName);
    names.push(base, ...members.filter((name) => /^\w+$/.test(name)).map((name) => `${base}.${name}`));
  }
  for (const [, , literal = ""] of text.matchAll(/(["'])([\w.-]+)\1/g)) {
    if (literal.startsWith("recipes.")) names.push(literal);
    else if (/^[\w-][\w.-]*\.[a-z]\w*$/.test(literal) && !literal.endsWith(".py")) names.push(`file:${literal}`);
  }
  return [...new Set(names)];
}

/** "recipes.a as b" -> "recipes.a" */
function importedName(clause: string): string {
  return clause.trim().split(/\s/)[0] ?? "";
}

/** The package `levels` above a dotted folder. */
function above(folder: string, levels: number): string {
  const parts = folder.split(".");
  return parts.slice(0, Math.max(0, parts.length - levels)).join(".");
}
