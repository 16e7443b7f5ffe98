import type { SourceText, Span } from "../util/diagnostic.ts";

/** What a scalar of YAML 1.2 (core schema) can hold. */
export type ScalarValue = null | boolean | number | string;

/** A value as it was written: every part knows its place, also after files were merged. */
export type Node =
  | { readonly kind: "map"; readonly span: Span; readonly entries: ReadonlyMap<string, Entry> }
  | { readonly kind: "list"; readonly span: Span; readonly items: readonly Node[] }
  | { readonly kind: "scalar"; readonly span: Span; readonly value: ScalarValue };

/** A map's node: what the top of a file must be. */
export type MapNode = Extract<Node, { kind: "map" }>;

/** A key's place and its value. */
export type Entry = { readonly key: Span; readonly node: Node };

/** A parsed file: its tree, and where each path of it was written. */
export type Document = { readonly source: SourceText; readonly root: MapNode };

/** Keys and list indices from the top. */
export type Path = readonly string[];

/** Plain data, as JSON would hold it. */
export type Value = ScalarValue | readonly Value[] | { readonly [key: string]: Value };

/** A path as people write it: `train.rank`, `evaluate.metrics[2]`. */
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

/** The entry at a path, if the path was written; a list's item has no key of its own. */
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

/**
 * Where a path was written: its key or its value. A path that nobody wrote is shown at the key of the nearest part
 * above it that somebody did, or else at the start of the file.
 */
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

/** A tree in which `path` holds `node`; maps on the way that nobody wrote take the place `key`. Nothing is changed. */
export function put(root: Node, path: Path, node: Node, key: Span): Node {
  const [first, ...rest] = path;
  if (first === undefined) return node;
  const entries = new Map(root.kind === "map" ? root.entries : []);
  const old = entries.get(first);
  const inner = rest.length === 0 ? node : put(old?.node ?? emptyMap(key), rest, node, key);
  entries.set(first, { key: rest.length === 0 || old === undefined ? key : old.key, node: inner });
  return { kind: "map", span: root.kind === "map" ? root.span : key, entries };
}

/** A map without some of its keys. */
export function without(root: MapNode, keys: readonly string[]): MapNode {
  const entries = new Map([...root.entries].filter(([key]) => !keys.includes(key)));
  return { ...root, entries };
}

/** A map that nobody wrote, at a place that stands for it. */
export function emptyMap(span: Span): MapNode {
  return { kind: "map", span, entries: new Map() };
}

/** `over` on top of `under`: maps merge, anything else replaces. Each part keeps the place that it came from. */
export function merge(under: Node, over: Node): Node {
  if (under.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const old = entries.get(key);
    entries.set(key, old === undefined ? entry : { key: entry.key, node: merge(old.node, entry.node) });
  }
  return { kind: "map", span: over.span, entries };
}
