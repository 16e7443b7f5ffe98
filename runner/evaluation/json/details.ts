import type { View } from "../../data/labels/views.ts";
import type { Leaf, Unit } from "./compare.ts";
import { otherField } from "./counters.ts";
import { scoreOf } from "./metrics.ts";
import type { AnswerSchema } from "./schema.ts";

/** Scores of one field over all cases. */
export type FieldRow = {
  readonly field: string;
  /** JSON types by the schema: "string", "integer or null". */
  readonly type: string;
  readonly support: number;
  readonly predicted: number;
  /** Values that are equal in gold and answer. */
  readonly hits: number;
  /** Values of gold in place of which the answer has another value, and those for which it has none. */
  readonly wrong: number;
  readonly missing: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
};

/** How often a value of an enum field is answered in place of another. */
export type FieldConfusion = {
  readonly field: string;
  readonly counts: readonly { readonly gold: string; readonly predicted: string; readonly count: number }[];
};

/** The part of metrics.json that only arms with JSON objects have. */
export type JsonDetails = {
  readonly per_field: Readonly<Record<View, readonly FieldRow[]>>;
  /** For fields with an enum and booleans. */
  readonly field_confusions: readonly FieldConfusion[];
  /** Why answers are not valid, most frequent first. */
  readonly schema_errors: readonly { readonly error: string; readonly count: number }[];
};

/** Errors that are listed, and values of one field in a confusion. */
const mostErrors = 20;
const mostPairs = 200;

/** Scores of each field, in the order of the schema; fields that it does not list are one row at the end. */
export function fieldRows(cases: readonly (readonly Unit[])[], schema: AnswerSchema | undefined): readonly FieldRow[] {
  const counts = new Map<
    string,
    { support: number; predicted: number; hits: number; wrong: number; missing: number }
  >();
  for (const { field, gold, given, hit } of cases.flat()) {
    const own = counts.get(field) ?? { support: 0, predicted: 0, hits: 0, wrong: 0, missing: 0 };
    if (gold !== undefined) own.support++;
    if (given !== undefined) own.predicted++;
    if (hit) own.hits++;
    else if (gold !== undefined) own[given === undefined ? "missing" : "wrong"]++;
    counts.set(field, own);
  }
  const listed = [...(schema?.fields.keys() ?? [])].filter((field) => counts.has(field));
  const others = [...counts.keys()].filter((field) => !listed.includes(field) && field !== otherField).sort();
  return [...listed, ...others, ...(counts.has(otherField) ? [otherField] : [])].map((field) => {
    const own = counts.get(field) as Parameters<typeof scoreOf>[0] & { wrong: number; missing: number };
    return {
      field,
      type: schema?.fields.get(field)?.types.join(" or ") ?? (field.endsWith("[]") ? "empty list" : ""),
      ...own,
      ...scoreOf(own),
    };
  });
}

const nothing = "(nothing)";

/** The confusions of fields with a list of values. An answer of another type or outside the list is shown as it is. */
export function fieldConfusions(
  cases: readonly (readonly Unit[])[],
  schema: AnswerSchema | undefined,
): readonly FieldConfusion[] {
  const shown = (leaf: Leaf | undefined): string => (leaf === undefined ? nothing : JSON.stringify(leaf).slice(0, 80));
  return [...(schema?.fields ?? [])].flatMap(([field, { options }]) => {
    if (options === undefined) return [];
    const pairs = new Map<string, { gold: string; predicted: string; count: number }>();
    for (const unit of cases.flat()) {
      if (unit.field !== field) continue;
      const [gold, predicted] = [shown(unit.gold), shown(unit.given)];
      const key = `${gold}\0${predicted}`;
      const pair = pairs.get(key) ?? { gold, predicted, count: 0 };
      pair.count++;
      pairs.set(key, pair);
    }
    const counts = [...pairs.values()].sort((a, b) => b.count - a.count).slice(0, mostPairs);
    return counts.length === 0 ? [] : [{ field, counts }];
  });
}

/** Counts errors without the positions of list items. */
export function schemaErrors(errors: readonly string[]): JsonDetails["schema_errors"] {
  const counts = new Map<string, number>();
  for (const error of errors) {
    const kind = error.replace(/\[\d+\]/g, "[]");
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts]
    .map(([error, count]) => ({ error, count }))
    .sort((a, b) => b.count - a.count || (a.error < b.error ? -1 : 1))
    .slice(0, mostErrors);
}
