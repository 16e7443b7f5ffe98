import type { SourceText } from "../util/diagnostic.ts";
import { type Node, type Path, plain, type Value } from "./node.ts";
import { type Schema, schemaOfTask } from "./schema.ts";
import { branchFor, defaultTag } from "./schema-visitor.ts";

/** A value with its defaults, and the dotted keys of the leaves that no file sets. */
export type Completed = { readonly value: Value; readonly defaulted: readonly string[] };

/**
 * Makes a path absolute; a glob becomes the list of its files. `format` determines what it is relative to. `source` is the file that contains it; undefined for a
 * default.
 */
export type ResolvePath = (
  written: string,
  format: string,
  source: SourceText | undefined,
) => string | readonly string[];

/**
 * Fills in defaults, makes paths absolute, sorts keys into the schema's order and freezes. (ajv fills in no defaults inside
 * unions and does not report which ones it filled in.) Invalid parts stay unchanged for the validator. Parts that several sweep
 * points share are completed once.
 */
export function completer(resolvePath: ResolvePath): (root: Node) => Completed {
  // Defaults depend on the task, so parts that points share are completed once for each task.
  const byTask = new Map<string | undefined, (root: Node) => Completed>();
  return (root) => {
    const written = root.kind === "map" ? root.entries.get("task")?.node : undefined;
    const task = written?.kind === "scalar" && typeof written.value === "string" ? written.value : undefined;
    const complete = byTask.get(task) ?? taskCompleter(schemaOfTask(task), resolvePath);
    byTask.set(task, complete);
    return complete(root);
  };
}

function taskCompleter(schema: Schema, resolvePath: ResolvePath): (root: Node) => Completed {
  const done = new WeakMap<Node, Completed>();
  const byDefault = new Map<string, { readonly schema: Schema; readonly completed: Completed }>();

  function complete(node: Node, schema: Schema, path: Path): Completed {
    const known = done.get(node);
    if (known !== undefined) return known;
    const made = make(node, schema, path);
    done.set(node, made);
    return made;
  }

  function make(node: Node, schema: Schema, path: Path): Completed {
    const branch = branchFor(schema, node, path);
    if (node.kind === "scalar") {
      const format = branch?.format;
      const isPath = typeof node.value === "string" && node.value !== "" && format !== undefined;
      return {
        value: isPath ? resolvePath(String(node.value), format, node.span.source) : node.value,
        defaulted: none,
      };
    }
    if (node.kind === "list") {
      const items = node.items.flatMap((item, index) => {
        const { value } = complete(item, branch?.items ?? {}, [...path, String(index)]);
        // A scalar that became a list: the files of a glob.
        return item.kind === "scalar" && Array.isArray(value) ? value : [value];
      });
      return { value: Object.freeze(items), defaulted: none };
    }
    if (branch?.properties === undefined) return { value: freezeSorted(plain(node)), defaulted: none };
    const value: Record<string, Value> = {};
    const defaulted: string[] = [];
    const tag = schema.discriminator?.propertyName;
    for (const [key, child] of Object.entries(branch.properties)) {
      const entry = node.entries.get(key);
      const below = [...path, key];
      const found =
        entry === undefined ? absent(key === tag ? defaultTag(path) : child.default, child, below) : undefined;
      const next = entry === undefined ? found : complete(entry.node, child, below);
      if (next === undefined) continue;
      value[key] = next.value;
      defaulted.push(...next.defaulted);
    }
    for (const [key, entry] of node.entries) {
      if (!Object.hasOwn(branch.properties, key)) value[key] = freezeSorted(plain(entry.node));
    }
    return { value: Object.freeze(value), defaulted: Object.freeze(defaulted) };
  }

  /** The value of a key that no file sets. */
  function absent(value: unknown, schema: Schema, path: Path): Completed | undefined {
    if (value === undefined) return undefined;
    const key = path.join(".");
    const known = byDefault.get(key);
    if (known?.schema === schema) return known.completed;
    const completed = makeDefault(value as Value, schema, path, [key]);
    byDefault.set(key, { schema, completed });
    return completed;
  }

  function makeDefault(value: Value, schema: Schema, path: Path, defaulted: readonly string[]): Completed {
    if (typeof value === "string" && schema.format !== undefined) {
      return { value: resolvePath(value, schema.format, undefined), defaulted };
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return { value: freezeSorted(value), defaulted };
    }
    const span = { source: { path: "", text: "" }, start: 0, end: 0 };
    const made = make({ kind: "map", span, entries: new Map() }, schema, path);
    return made.defaulted.length > 0 ? made : { value: made.value, defaulted };
  }

  return (root) => complete(root, schema, []);
}

const none: readonly string[] = Object.freeze([]);

/** Deeply frozen, with the keys of maps in alphabetical order, because their order has no meaning. */
export function freezeSorted(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(freezeSorted));
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.freeze(Object.fromEntries(entries.map(([key, inner]) => [key, freezeSorted(inner)])));
}
