import { isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import type { Diagnostic, Result, SourceText } from "../../util/diagnostic.ts";
import { tooDeepAt } from "../../util/yaml-depth.ts";
import { basicForm } from "./basic.ts";
import type { Synonyms } from "./views.ts";

/** Each label is compared with every qualifier. */
const mostQualifiers = 200;

/** A study's groups, by the basic form of the label; a label may be in several groups. */
export type Groups = ReadonlyMap<string, readonly string[]>;

/**
 * Reads a synonym file: `qualifiers: ["(possible)"]` and `synonyms: {canonical name: [variants]}`.
 * A variant under two names, a cycle, and anything of another shape is an error; a chain a <- b <- c ends at a.
 */
export function parseSynonyms(source: SourceText): Result<Synonyms> {
  const reader = read(source);
  const { root, complain } = reader;
  const qualifiers: string[] = [];
  const target = new Map<string, { to: string; node: Node }>();
  if (root !== null && !isMap(root)) complain(root, "not-a-map", "a synonym file is a map of qualifiers and synonyms");
  for (const [key, value] of reader.pairs(root)) {
    if (key.text === "qualifiers") {
      for (const item of reader.texts(value, "qualifiers")) qualifiers.push(basicForm(item.text));
    } else if (key.text === "synonyms") {
      if (value !== null && !isMap(value))
        complain(value, "not-a-map", "synonyms is a map: canonical name -> list of variants");
      for (const [name, variants] of reader.pairs(value)) {
        const to = basicForm(name.text);
        for (const variant of reader.texts(variants, name.text)) {
          const from = basicForm(variant.text);
          if (from === to) continue;
          const other = target.get(from);
          if (other && other.to !== to)
            complain(variant.node, "synonym-twice", `"${variant.text}" is a variant of "${other.to}" and of "${to}"`);
          else target.set(from, { to, node: variant.node });
        }
      }
    } else complain(key.node, "unknown-key", `unknown key "${key.text}"`, 'the keys are "qualifiers" and "synonyms"');
  }
  const map = new Map<string, string>();
  if (qualifiers.length > mostQualifiers) {
    complain(root as Node, "too-many-qualifiers", `the file has more than ${mostQualifiers} qualifiers`, "keep fewer");
    return { ok: false, diagnostics: reader.diagnostics };
  }
  const strip = stripper(qualifiers.filter((qualifier) => qualifier !== ""));
  const canonical = (label: string): string => {
    let form = basicForm(label);
    for (;;) {
      const mapped = map.get(form);
      if (mapped !== undefined) return mapped;
      const shorter = strip(form);
      if (shorter === form) return form;
      form = shorter;
    }
  };
  const settled = new Set<string>();
  for (const [start, { node }] of target) {
    const path = new Set<string>();
    let at: string | undefined = start;
    while (at !== undefined && !settled.has(at) && !path.has(at)) {
      path.add(at);
      at = follow(at, target, strip);
    }
    if (at !== undefined && path.has(at)) {
      complain(node, "synonym-cycle", `cycle of synonyms: ${[...path, at].map((name) => `"${name}"`).join(" -> ")}`);
    }
    for (const name of path) settled.add(name);
  }
  if (reader.diagnostics.length > 0) return { ok: false, diagnostics: reader.diagnostics };
  for (const start of target.keys()) {
    const path: string[] = [];
    let at = start;
    for (let next: string | undefined = start; next !== undefined; next = follow(at, target, strip)) {
      at = map.get(next) ?? next;
      path.push(next);
      if (map.has(next)) break;
    }
    for (const form of path) if (target.has(form)) map.set(form, at);
  }
  const variants = new Map<string, string[]>();
  for (const [from, { to }] of target) {
    const all = variants.get(canonical(to)) ?? [];
    all.push(from, to);
    variants.set(canonical(to), all);
  }
  return {
    ok: true,
    value: { canonical, variantsOf: (label) => variants.get(canonical(label)) ?? [] },
    warnings: [],
  };
}

/** Reads a groups file: `{group: [labels]}`. */
export function parseGroups(source: SourceText): Result<Groups> {
  const reader = read(source);
  const groups = new Map<string, string[]>();
  if (reader.root !== null && !isMap(reader.root))
    reader.complain(reader.root, "not-a-map", "a groups file is a map: group -> list of labels");
  for (const [group, labels] of reader.pairs(reader.root)) {
    for (const label of reader.texts(labels, group.text)) {
      const form = basicForm(label.text);
      const of = groups.get(form) ?? [];
      if (!of.includes(group.text)) of.push(group.text);
      groups.set(form, of);
    }
  }
  return reader.diagnostics.length > 0
    ? { ok: false, diagnostics: reader.diagnostics }
    : { ok: true, value: groups, warnings: [] };
}

/** One step to the canonical form: the synonym of a form, or the form without one qualifier. */
function follow(
  form: string,
  target: ReadonlyMap<string, { readonly to: string }>,
  strip: (form: string) => string,
): string | undefined {
  const mapped = target.get(form)?.to;
  if (mapped !== undefined) return mapped;
  const shorter = strip(form);
  return shorter === form ? undefined : shorter;
}

/** Takes one qualifier off the start or the end of a form; the whole form is never a qualifier alone. */
function stripper(qualifiers: readonly string[]): (form: string) => string {
  return (form) => {
    for (const qualifier of qualifiers) {
      let rest = form;
      if (form.endsWith(` ${qualifier}`)) rest = form.slice(0, -qualifier.length - 1);
      else if (form.startsWith(`${qualifier} `)) rest = form.slice(qualifier.length + 1);
      const left = rest === form ? "" : basicForm(rest);
      if (left !== "") return left;
    }
    return form;
  };
}

type Text = { readonly text: string; readonly node: Node };

/** A reader of YAML. Every scalar is text (failsafe schema): a label "no" or "1e-7" stays what the author wrote. */
export function read(source: SourceText) {
  const diagnostics: Diagnostic[] = [];
  const deep = tooDeepAt(source.text);
  const document = parseDocument(deep === undefined ? source.text : "", {
    schema: "failsafe",
    prettyErrors: false,
    // The library compares each key with all others.
    uniqueKeys: false,
  });
  const at = (start: number, end: number, code: string, message: string, help?: string) =>
    diagnostics.push({
      severity: "error",
      code,
      message,
      span: { source, start, end },
      ...(help === undefined ? {} : { help }),
    });
  const complain = (node: Node, code: string, message: string, help?: string) =>
    at(node.range?.[0] ?? 0, node.range?.[1] ?? 0, code, message, help);
  if (deep !== undefined) at(deep, deep + 1, "too-deep", "values are nested too deeply", "write flat lists of labels");
  for (const error of document.errors) at(error.pos[0], error.pos[1], "yaml", error.message);
  const text = (node: unknown, of: string): Text | undefined => {
    if (isScalar(node) && typeof node.value === "string" && basicForm(node.value) !== "")
      return { text: node.value, node };
    if (node !== null) complain(node as Node, "not-a-label", `${of}: each entry is one label, written as text`);
    return undefined;
  };
  const empty = (node: unknown) => node === null || (isScalar(node) && node.value === "");
  return {
    diagnostics,
    complain,
    root: document.errors.length > 0 || empty(document.contents) ? null : (document.contents as Node | null),
    pairs(node: Node | null): [Text, Node | null][] {
      if (!isMap(node)) return [];
      const names = new Set<string>();
      return node.items.flatMap((pair) => {
        const key = text(pair.key, "key");
        if (key && names.has(key.text)) complain(key.node, "yaml", `the key "${key.text}" is there twice`);
        if (key) names.add(key.text);
        return key ? [[key, empty(pair.value) ? null : (pair.value as Node)] as [Text, Node | null]] : [];
      });
    },
    texts(node: Node | null, of: string): Text[] {
      if (node === null) return [];
      if (!isSeq(node)) {
        complain(node, "not-a-list", `${of}: expected a list of labels`);
        return [];
      }
      return node.items.flatMap((item) => text(item, of) ?? []);
    },
  };
}
