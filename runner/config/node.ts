import type { SourceText, Span } from "../util/diagnostic.ts";

/** What a scalar of YAML 1.2 (core schema) can hold. */
export type ScalarValue = null | boolean | number | string;

/** A parsed value. Every part has the span where it was written, also after files are merged. */
export type Node =
  | { readonly kind: "map"; readonly span: Span; readonly entries: ReadonlyMap<string, Entry> }
  | { readonly kind: "list"; readonly span: Span; readonly items: readonly Node[] }
  | { readonly kind: "scalar"; readonly span: Span; readonly value: ScalarValue };

/** The node of a map. The top level of a file is one. */
export type MapNode = Extract<Node, { kind: "map" }>;

/** The span of a key, and its value. */
export type Entry = { readonly key: Span; readonly node: Node };

/** A parsed file. */
export type Document = { readonly source: SourceText; readonly root: MapNode };

/** Keys and list indices, from the top level. */
export type Path = readonly string[];

/** A JSON value. */
export type Value = ScalarValue | readonly Value[] | { readonly [key: string]: Value };

/** A path as text: `train.rank`, `evaluate.metrics[2]`. */
export function dotted(path: Path): string {
  return path.reduce((text, part) => {
    if (/^\d+$/.test(part)) return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}

/** The plain value of a node. */
export function plain(node: Node): Value {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.node)]));
}

/** The entry at a path; undefined if no file has it. An item of a list has no key. */
export function find(root: Node, path: Path): { readonly key: Span | undefined; readonly node: Node } | undefined {
  let found: { key: Span | undefined; node: Node } = { key: undefined, node: root };
  for (const part of path) {
    if (found.node.kind === "map") {
      const entry = found.node.entries.get(part);
      if (entry === undefined) return undefined;
      found = entry;
    } else if (found.node.kind === "list") {
      const item = found.node.items[Number(part)];
      if (item === undefined) return undefined;
      found = { key: undefined, node: item };
    } else return undefined;
  }
  return found;
}

/** The span of a path's key or value. If no file has the path: the key of its nearest parent that is in a file, else the file's start. */
export function locate(root: Node, path: Path, part: "key" | "value" = "value"): Span {
  const found = find(root, path);
  if (found === undefined) return path.length === 0 ? startOf(root.span) : locate(root, path.slice(0, -1), "key");
  if (path.length === 0) return startOf(root.span);
  if (part === "key" || found.node.kind === "map") return found.key ?? found.node.span;
  return found.node.span;
}

function startOf(span: Span): Span {
  return { source: span.source, start: span.start, end: Math.min(span.end, span.start + 1) };
}

/** A copy of the tree with `node` at `path`. Maps that are missing on the way get the span `key`. */
export function put(root: Node, path: Path, node: Node, key: Span): Node {
  const [first, ...rest] = path;
  if (first === undefined) return node;
  const entries = new Map(root.kind === "map" ? root.entries : []);
  const old = entries.get(first);
  const inner = rest.length === 0 ? node : put(old?.node ?? emptyMap(key), rest, node, key);
  entries.set(first, { key: rest.length === 0 || old === undefined ? key : old.key, node: inner });
  return { kind: "map", span: root.kind === "map" ? root.span : key, entries };
}

/** A copy of a map without some of its keys. */
export function without(root: MapNode, keys: readonly string[]): MapNode {
  const entries = new Map([...root.entries].filter(([key]) => !keys.includes(key)));
  return { ...root, entries };
}

/** An empty map with a given span. */
export function emptyMap(span: Span): MapNode {
  return { kind: "map", span, entries: new Map() };
}

/** `under` with the values of `over`: maps are merged, any other value is replaced. Each part keeps its span. */
export function merge(under: Node, over: Node): Node {
  if (under.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const old = entries.get(key);
    entries.set(key, old === undefined ? entry : { key: entry.key, node: merge(old.node, entry.node) });
  }
  return { kind: "map", span: over.span, entries };
}
