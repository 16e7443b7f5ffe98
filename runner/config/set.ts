import type { Diagnostic, Span } from "../util/diagnostic.ts";
import { suggestion } from "../util/suggest.ts";
import { parseTree } from "./document.ts";
import { emptyMap, type MapNode, type Node, put } from "./node.ts";
import { withoutPreviousEngine } from "./other-engine.ts";
import { renamedKey } from "./renamed-keys.ts";
import { allPaths, schemasAt } from "./schema-visitor.ts";

/** What errors call the place of a setting. */
export const settingSource = "--set";

/** A tree with the settings that could be read, and what is wrong with the others. */
export type Settled = { readonly root: MapNode; readonly diagnostics: readonly Diagnostic[] };

/**
 * Puts `key.path=value` settings on top of a file, as a file is put on what it extends; the value is read as YAML, so that a
 * setting equals an edit.
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
      fail("bad-setting", "a setting is written key=value", key, "for example --set train.rank=32");
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

/** What errors call the place of a `--sweep`. */
const sweepSource = "--sweep";

/**
 * Puts `key.path=a,b,c` of the command line into the file's sweep, as lists of its grid; a list of that key in the file's grid is
 * replaced. Values are read as YAML, so that it equals an edit.
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
      const message = "what is varied is written key=value,value";
      diagnostics.push({ severity: "error", code: "bad-setting", message, span: key, help });
      continue;
    }
    // The list begins where the equals sign stood, so that its items stand where they were typed.
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

/** An error where no key of the schema has this dotted path: of a setting, or of a sweep. */
export function checkPath(path: readonly string[], key: Span): Diagnostic | undefined {
  const name = path.join(".");
  const top = path[0] ?? "";
  if (!path.includes("") && schemasAt(path).length > 0) return undefined;
  const renamed = renamedKey(path);
  if (renamed !== undefined) return { severity: "error", span: key, ...renamed };
  const message = ["extends", "sweep"].includes(top)
    ? `${top} can only stand in the file`
    : `there is no key "${name}"`;
  const help = suggestion(name, allPaths(), "keys") ?? "";
  return {
    severity: "error",
    code: "unknown-key",
    message,
    span: key,
    help: help.startsWith("did") ? help : "exp schema lists all keys",
  };
}

/** A value of the padded text, at the same offsets of the setting as it was typed. */
function inSource(node: Node, key: Span): Node {
  const span = within(node.span, key.source);
  if (node.kind === "scalar") return { ...node, span };
  if (node.kind === "list") return { ...node, span, items: node.items.map((item) => inSource(item, key)) };
  const entries = [...node.entries].map(
    ([name, entry]) => [name, { key: { ...entry.key, source: key.source }, node: inSource(entry.node, key) }] as const,
  );
  return { ...node, span, entries: new Map(entries) };
}
