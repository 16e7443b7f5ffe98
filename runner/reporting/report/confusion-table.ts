import type { SingleLabel } from "../../evaluation/labels/single-label.ts";
import { integer } from "../../util/format.ts";
import type { TextTable } from "./comparison-tables.ts";

/** Labels that a confusion matrix shows; cases of others are in the row and the column "(other)". */
const mostLabels = 12;
const other = "(other)";

/** The confusion matrix as a table: one row for each gold label, most frequent first, one column for each predicted. */
export function confusionTable(confusion: SingleLabel["confusion"]): TextTable {
  const golds = byCount(confusion.map(({ gold, count }) => [gold, count]));
  const shown = golds.slice(0, mostLabels);
  const predicted = byCount(confusion.map((cell) => [cell.predicted, cell.count]));
  const columns = [...shown, ...predicted.filter((label) => !golds.includes(label))].slice(0, mostLabels + 1);
  const cells = new Map<string, number>();
  const placeOf = (label: string, among: readonly string[]): string => (among.includes(label) ? label : other);
  for (const { gold, predicted: label, count } of confusion) {
    const key = JSON.stringify([placeOf(gold, shown), placeOf(label, columns)]);
    cells.set(key, (cells.get(key) ?? 0) + count);
  }
  const hasOther = (at: 0 | 1): boolean => [...cells.keys()].some((key) => JSON.parse(key)[at] === other);
  const rowNames = hasOther(0) ? [...shown, other] : shown;
  const columnNames = hasOther(1) ? [...columns, other] : columns;
  return {
    head: ["gold \\ predicted", ...columnNames],
    align: ["left", ...columnNames.map(() => "right" as const)],
    rows: rowNames.map((gold) => [
      gold,
      ...columnNames.map((label) => integer(cells.get(JSON.stringify([gold, label])) ?? 0)),
    ]),
  };
}

function byCount(counts: readonly (readonly [string, number])[]): readonly string[] {
  const totals = new Map<string, number>();
  for (const [label, count] of counts) totals.set(label, (totals.get(label) ?? 0) + count);
  return [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([label]) => label);
}
