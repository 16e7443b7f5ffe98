import { canonicalJson, type Json } from "../util/canonical.ts";
import { completer } from "./complete.ts";
import type { Node } from "./node.ts";
import { resolved } from "./resolve.ts";
import { experimentErrors } from "./validator.ts";

/** Whether a value is a valid experiment that has every default. Its sections are then those that readers rely on. */
export function isWholeExperiment(value: unknown): boolean {
  if (experimentErrors(value).length > 0) return false;
  const { experiment } = resolved(completer((path) => path)(nodeOf(value as Json)));
  return canonicalJson(experiment as unknown as Json) === canonicalJson(value as Json);
}

const span = { source: { path: "", text: "" }, start: 0, end: 0 };

function nodeOf(value: Json): Node {
  if (typeof value !== "object" || value === null) return { kind: "scalar", span, value };
  if (Array.isArray(value)) return { kind: "list", span, items: value.map(nodeOf) };
  const entries = Object.entries(value).map(([key, inner]) => [key, { key: span, node: nodeOf(inner) }] as const);
  return { kind: "map", span, entries: new Map(entries) };
}
