import type { Diagnostic, Span } from "../util/diagnostic.ts";
import { suggestion } from "../util/suggest.ts";
import { parseTree } from "./document.ts";
import { emptyMap, type MapNode, type Node, put } from "./node.ts";
import { withoutPreviousEngine } from "./other-engine.ts";
import { renamedKey } from "./renamed-keys.ts";
import { allPaths, schemasAt } from "./schema-visitor.ts";

/** The path of a setting in diagnostics. */
export const settingSource = "--set";

/** A tree with the valid settings applied, and the errors of the others. */
export type Settled = { readonly root: MapNode; readonly diagnostics: readonly Diagnostic[] };

/**
 * Applies `key.path=value` settings to a file, by the rules of `extends`. The value is parsed as YAML, so a setting has the same
 * effect as an edit of the file.
 */
export function applySettings(root: MapNode, settings: readonly string[]): Settled {
  const diagnostics: Diagnostic[] = [];
  const read: { readonly path: readonly string[]; readonly node: Node; readonly key: Span }[] = [];
  for (const text of settings) {
    const source = { path: settingSource, text };
    const fail = (code: string, message: string, span: Span, help?: string) =>
      diagnostics.push({ severity: "error", code, message, span, ...(help === undefined ? {} : { help }) });
    const equals = text.indexOf("=");
    const key: Span = { source, start: 0, end: equals < 0 ? text.length : equals };
    if (equals <= 0) {
      fail("bad-setting", "a setting has the form key=value", key, "for example --set train.rank=32");
      continue;
    }
    const path = text.slice(0, equals).trim().split(".");
    const wrong = checkPath(path, key);
    if (wrong !== undefined) {
      diagnostics.push(wrong);
      continue;
    }
    const padded = { path: settingSource, text: " ".repeat(equals + 1) + text.slice(equals + 1) };
    const value = parseTree(padded);
    if (!value.ok) diagnostics.push(...value.diagnostics.map((one) => ({ ...one, span: { ...one.span, source } })));
    else read.push({ path, node: inSource(value.value, key), key });
  }
  const over = (under: MapNode): MapNode =>
    read.reduce((result, { path, node, key }) => put(result, path, node, key) as MapNode, under);
  return { root: over(withoutPreviousEngine(root, over(emptyMap(root.span)))), diagnostics };
}

/** The path of a `--sweep` in diagnostics. */
const sweepSource = "--sweep";

/**
 * Adds `key.path=a,b,c` to the grid of the file's sweep, or replaces that key of the grid. Values are parsed as YAML, so the option
 * has the same effect as an edit of the file.
 */
export function applySweeps(root: MapNode, sweeps: readonly string[]): Settled {
  const diagnostics: Diagnostic[] = [];
  let result: Node = root;
  for (const text of sweeps) {
    const source = { path: sweepSource, text };
    const equals = text.indexOf("=");
    const key: Span = { source, start: 0, end: equals < 0 ? text.length : equals };
    if (equals <= 0 || text.slice(equals + 1).trim() === "") {
      const help = "for example --sweep train.rank=8,16,32";
      const message = "a varied key has the form key=value,value";
      diagnostics.push({ severity: "error", code: "bad-setting", message, span: key, help });
      continue;
    }
    // The bracket replaces the equals sign, so that the items keep their offsets.
    const padded = { path: sweepSource, text: `${" ".repeat(equals)}[${text.slice(equals + 1)}]` };
    const value = parseTree(padded);
    if (!value.ok) diagnostics.push(...value.diagnostics.map((one) => ({ ...one, span: within(one.span, source) })));
    else result = put(result, ["sweep", "grid", text.slice(0, equals).trim()], inSource(value.value, key), key);
  }
  return { root: result as MapNode, diagnostics };
}

function within({ start, end }: Span, source: Span["source"]): Span {
  const last = source.text.length;
  return { source, start: Math.min(start, last), end: Math.min(end, last) };
}

/** The error for a dotted path of a setting or a sweep that the schema does not have. */
export function checkPath(path: readonly string[], key: Span): Diagnostic | undefined {
  const name = path.join(".");
  const top = path[0] ?? "";
  if (!path.includes("") && schemasAt(path).length > 0) return undefined;
  const renamed = renamedKey(path);
  if (renamed !== undefined) return { severity: "error", span: key, ...renamed };
  const message = ["extends", "sweep"].includes(top)
    ? `${top} can only be set in the file`
    : `there is no key "${name}"`;
  return { severity: "error", code: "unknown-key", message, span: key, help: pathHelp(name) };
}

/** A suggestion for an unknown path: the paths that end with it, or else one with similar letters. */
function pathHelp(name: string): string {
  const paths = allPaths();
  const ends = paths.filter((path) => path.endsWith(`.${name}`)).slice(0, 3);
  if (ends.length > 0) return `did you mean ${ends.map((path) => JSON.stringify(path)).join(" or ")}?`;
  const similar = suggestion(name, paths, "keys") ?? "";
  return similar.startsWith("did") ? similar : "exp schema lists all keys";
}

/** A value of the padded text with its spans in the setting, at the same offsets. */
function inSource(node: Node, key: Span): Node {
  const span = within(node.span, key.source);
  if (node.kind === "scalar") return { ...node, span };
  if (node.kind === "list") return { ...node, span, items: node.items.map((item) => inSource(item, key)) };
  const entries = [...node.entries].map(
    ([name, entry]) => [name, { key: { ...entry.key, source: key.source }, node: inSource(entry.node, key) }] as const,
  );
  return { ...node, span, entries: new Map(entries) };
}
