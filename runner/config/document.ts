import { type Alias, isAlias, isMap, isScalar, isSeq, parseDocument, type Scalar, type Node as YamlNode } from "yaml";
import type { Diagnostic, Result, SourceText, Span } from "../util/diagnostic.ts";
import { tooDeepAt } from "../util/yaml-depth.ts";
import type { Document, Entry, Node, ScalarValue } from "./node.ts";

const deepest = 40;
const mostNodes = 50_000;
const mostAliasNodes = 2_000;
/** Errors that are collected. Some of them are listed. */
const mostErrors = 1_000;
const coreTags = new Set(
  ["map", "seq", "str", "int", "float", "bool", "null"].map((name) => `tag:yaml.org,2002:${name}`),
);

/**
 * Parses a YAML 1.2 text (core schema) whose top level is a map. Errors: duplicate keys, merge keys, tags outside of the core
 * schema, several documents, aliases that expand to too many values, and numbers that JSON cannot hold. Returns every error.
 */
export function parse(source: SourceText): Result<Document> {
  const parsed = parseTree(source);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  if (root.kind === "map") return { ok: true, value: { source, root }, warnings: parsed.warnings };
  const empty = root.kind === "scalar" && root.value === null;
  const what = empty
    ? "this file is empty"
    : `the file must be a map of keys, not ${root.kind === "list" ? "a list" : "a single value"}`;
  const span = { source, start: root.span.start, end: Math.min(root.span.end, root.span.start + 1) };
  const help = "start with `name:`, `data:`, `model:` and `prompt:`";
  return {
    ok: false,
    diagnostics: [{ severity: "error", code: empty ? "empty-file" : "not-a-map", message: what, span, help }],
  };
}

/** Parses any YAML 1.2 value by the same rules. `--set` uses it. */
export function parseTree(source: SourceText): Result<Node> {
  const deep = tooDeepAt(source.text);
  if (deep === undefined) return new Reader(source).read();
  const span = { source, start: deep, end: deep + 1 };
  const diagnostic = { severity: "error", code: "too-deep", message: "values are nested too deeply", span } as const;
  return { ok: false, diagnostics: [diagnostic] };
}

class Reader {
  readonly #source: SourceText;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #anchors = new Map<string, YamlNode>();
  readonly #open = new Set<YamlNode>();
  #nodes = 0;
  #aliasNodes = 0;
  #insideAlias = 0;

  constructor(source: SourceText) {
    this.#source = source;
  }

  read(): Result<Node> {
    const document = parseDocument(this.#source.text, {
      version: "1.2",
      schema: "core",
      strict: true,
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
    });
    // The first error is often the cause of those that follow.
    const [first] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
    if (first !== undefined) this.#syntax(first.code, first.message, first.pos);
    if (document.errors.length > 0) return { ok: false, diagnostics: this.#diagnostics };
    const root = document.contents as YamlNode | null;
    const whole = { source: this.#source, start: 0, end: this.#source.text.length };
    const node = root === null ? ({ kind: "scalar", span: whole, value: null } as const) : this.#node(root, whole, 0);
    if (this.#diagnostics.length > 0) return { ok: false, diagnostics: this.#diagnostics };
    return { ok: true, value: node, warnings: [] };
  }

  #syntax(code: string, message: string, [start, end]: [number, number]): void {
    const helps: Record<string, string> = {
      TAB_AS_INDENT: "indent with spaces",
      MULTIPLE_DOCS: "one file holds one experiment; remove the `---`",
      BAD_INDENT: "indent all keys of a map by the same number of spaces",
      BLOCK_AS_IMPLICIT_KEY:
        "indent all keys of a map by the same number of spaces, and quote a text that contains `: `",
      MISSING_CHAR: "check quotes, brackets and the space after a colon",
    };
    const bracket = this.#unclosed(message, start);
    if (bracket !== undefined) {
      const [open, close] = [this.#source.text[bracket], this.#source.text[bracket] === "{" ? "}" : "]"];
      const help = `write ${close} at the end`;
      this.#error("yaml-syntax", `${open} has no ${close}`, this.#span(bracket, bracket + 1), help);
      return;
    }
    const text = code === "MULTIPLE_DOCS" ? "a second document starts here" : (message.split("\n")[0] ?? message);
    const isVariable = this.#source.text.slice(start - 1, start + 1) === "${";
    const help = isVariable ? "write the value itself: exp does not substitute variables" : helps[code];
    this.#error("yaml-syntax", text, this.#span(start, end), help);
  }

  /** The bracket that has no partner, of an error that the parser reports where the map or list should have ended. */
  #unclosed(message: string, end: number): number | undefined {
    if (!/^(?:Flow (?:map|sequence) in block collection|Expected flow (?:map|sequence) to end)/.test(message)) {
      return undefined;
    }
    let depth = 0;
    for (let at = Math.min(end, this.#source.text.length) - 1; at >= 0; at--) {
      const character = this.#source.text[at] as string;
      if ("}]".includes(character)) depth++;
      else if ("{[".includes(character) && depth-- === 0) return at;
    }
    return undefined;
  }

  #error(code: string, message: string, span: Span, help?: string): void {
    if (this.#diagnostics.length >= mostErrors) return;
    this.#diagnostics.push({ severity: "error", code, message, span, ...(help === undefined ? {} : { help }) });
  }

  #span(start: number, end: number): Span {
    return { source: this.#source, start, end: Math.max(end, start) };
  }

  #spanOf(node: YamlNode, fallback: Span): Span {
    const range = node.range;
    if (!range || range[0] === range[1]) return fallback;
    const written = this.#source.text.slice(range[0], range[1]);
    return this.#span(range[0], range[0] + Math.max(1, written.trimEnd().length));
  }

  /** `fallback` is the span of a value without text: the null of `key:`. */
  #node(node: YamlNode, fallback: Span, depth: number): Node {
    const span = this.#spanOf(node, fallback);
    const nothing: Node = { kind: "scalar", span, value: null };
    this.#nodes++;
    if (this.#insideAlias > 0) this.#aliasNodes++;
    if (this.#nodes > mostNodes || this.#aliasNodes > mostAliasNodes) {
      const what = this.#aliasNodes > mostAliasNodes ? "aliases expand to too many values" : "too many values";
      if (!this.#diagnostics.some((one) => one.code === "too-many-values")) {
        this.#error("too-many-values", what, span, "move rows and long lists to separate files");
      }
      return nothing;
    }
    if (depth > deepest) {
      this.#error("too-deep", "values are nested too deeply", span);
      return nothing;
    }
    if (isAlias(node)) return this.#alias(node, span, depth);
    if (node.anchor !== undefined && this.#insideAlias === 0) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined && !coreTags.has(node.tag) && node.tag !== "!") {
      this.#error("custom-tag", `unknown tag ${node.tag}`, span, "write plain values");
      return nothing;
    }
    this.#open.add(node);
    try {
      if (isMap(node)) return this.#map(node.items as readonly { key: unknown; value: unknown }[], span, depth);
      if (isSeq(node)) {
        return { kind: "list", span, items: node.items.map((item) => this.#node(item as YamlNode, span, depth + 1)) };
      }
      return isScalar(node) ? this.#scalar(node, span) : nothing;
    } finally {
      this.#open.delete(node);
    }
  }

  #alias(alias: Alias, span: Span, depth: number): Node {
    const target = this.#anchors.get(alias.source);
    if (target === undefined || this.#open.has(target)) {
      const what = target === undefined ? "has no anchor before it" : "is inside its own anchor";
      this.#error(
        "bad-alias",
        `alias *${alias.source} ${what}`,
        span,
        `write &${alias.source} at the value that it repeats`,
      );
      return { kind: "scalar", span, value: null };
    }
    this.#insideAlias++;
    try {
      return this.#node(target, span, depth + 1);
    } finally {
      this.#insideAlias--;
    }
  }

  #map(items: readonly { key: unknown; value: unknown }[], span: Span, depth: number): Node {
    const entries = new Map<string, Entry>();
    for (const item of items) {
      const key = item.key as YamlNode | null;
      const place = key === null ? span : this.#spanOf(key, span);
      if (!isScalar(key) || key.value === null || typeof key.value === "object") {
        this.#error("bad-key", "a key must be a plain word", place);
        continue;
      }
      const name = typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
      const earlier = entries.get(name);
      if (name === "__proto__") this.#error("bad-key", "__proto__ cannot be a key", place);
      else if (name === "<<") {
        this.#error("merge-key", "merge keys (<<) are not part of YAML 1.2", place, "use extends, or write the keys");
      } else if (earlier !== undefined) {
        if (this.#diagnostics.length >= mostErrors) continue;
        const line = this.#source.text.slice(0, earlier.key.start).split(/\r\n|\r|\n/).length;
        const help = `keep one of them; the first is at line ${line}`;
        this.#error("duplicate-key", `key "${name}" is given a second time`, place, help);
        this.#error("duplicate-key", `key "${name}" is given a first time`, earlier.key, "keep one of them");
      } else {
        const value = item.value as YamlNode | null;
        const node: Node =
          value === null ? { kind: "scalar", span: place, value: null } : this.#node(value, place, depth + 1);
        entries.set(name, { key: place, node });
      }
    }
    return { kind: "map", span, entries };
  }

  #scalar(node: Scalar, span: Span): Node {
    const { value } = node;
    if (typeof value === "number") {
      const exact =
        Number.isFinite(value) &&
        (!Number.isInteger(value) || Number.isSafeInteger(value) || /[.eE]/.test(node.source ?? ""));
      if (!exact) {
        const written = node.source ?? String(value);
        const what = Number.isFinite(value) ? "has more digits than a number can store" : "is not a finite number";
        this.#error("bad-number", `${written} ${what}`, span, `for text, write it in quotes: "${written}"`);
      }
    }
    return { kind: "scalar", span, value: value as ScalarValue };
  }
}
