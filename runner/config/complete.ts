import type { SourceText } from "../util/diagnostic.ts";
import { type Node, type Path, plain, type Value } from "./node.ts";
import { branchFor, defaultTag, rootSchema, type Schema } from "./schema-tree.ts";

/** A value with its defaults, and which of its keys (dotted, leaves only) nobody wrote. */
export type Completed = { readonly value: Value; readonly defaulted: readonly string[] };

/** Makes a path absolute: `format` says what it is relative to, `source` names the file that holds it, undefined for a default. */
export type ResolvePath = (written: string, format: string, source: SourceText | undefined) => string;

/**
 * Fills in defaults (ajv fills in none inside unions, and cannot say which it filled in), makes paths absolute, puts keys in
 * the schema's order and freezes. What is wrong stays as it is for the validator. Parts that several sweep points share are
 * done once.
 */
export function completer(resolvePath: ResolvePath): (root: Node) => Completed {
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
      const items = node.items.map(
        (item, index) => complete(item, branch?.items ?? {}, [...path, String(index)]).value,
      );
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

  /** The value of a key that nobody wrote. */
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

  return (root) => complete(root, rootSchema, []);
}

const none: readonly string[] = Object.freeze([]);

/** Deeply frozen, maps with their keys in alphabetical order: the order of a map that is not in the schema says nothing. */
export function freezeSorted(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(freezeSorted));
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.freeze(Object.fromEntries(entries.map(([key, inner]) => [key, freezeSorted(inner)])));
}
