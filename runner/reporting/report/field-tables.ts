import type { FieldConfusion, FieldRow } from "../../evaluation/json/details.ts";
import { integer, score } from "../../util/format.ts";
import type { TextTable } from "./comparison-tables.ts";
import { confusionTable } from "./confusion-table.ts";

/** Scores of each field, in the order of the schema. `others`: F1 of the fields of other arms, by the arm's name. */
export function fieldTable(
  rows: readonly FieldRow[],
  others: readonly { readonly name: string; readonly rows: readonly FieldRow[] }[] = [],
): TextTable {
  const f1 = (own: readonly FieldRow[], field: string): string => score(own.find((row) => row.field === field)?.f1);
  return {
    head: ["field", "type", "gold", "right", "wrong", "missing", "added", "precision", "recall", "F1"].concat(
      others.map(({ name }) => `F1 ${name}`),
    ),
    align: ["left", "left", ...Array.from({ length: 8 + others.length }, () => "right" as const)],
    rows: rows.map(({ field, type, support, predicted, hits, wrong, missing, precision, recall, f1: value }) => [
      ...[field, type, integer(support), integer(hits), integer(wrong), integer(missing)],
      integer(predicted - hits - wrong),
      ...[score(precision), score(recall), score(value)],
      ...others.map((other) => f1(other.rows, field)),
    ]),
  };
}

/** The confusion of a field with a list of values: right answers on the diagonal. */
export const fieldConfusionTable = ({ counts }: FieldConfusion): TextTable => confusionTable(counts);
