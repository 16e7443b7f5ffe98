import type { LabelRow } from "../evaluation/labels/detail.ts";
import { integer, score, withInterval } from "../util/format.ts";
import { table } from "./table.ts";

/** Labels that the terminal lists; the workbook has all. */
const mostLabels = 20;

/** The most frequent labels of an arm in a view, with intervals of F1; empty if no gold label was scored. */
export function labelTable(
  rows: readonly LabelRow[],
  name: string,
  screen: { readonly color: boolean; readonly columns?: number },
): string {
  const shown = rows.filter(({ support }) => support > 0);
  if (shown.length === 0) return "";
  const cells = shown
    .slice(0, mostLabels)
    .map(({ label, support, precision, recall, f1, f1_low, f1_high }) => [
      ...[label, integer(support), score(precision), score(recall)],
      withInterval({ value: f1, low: f1_low ?? undefined, high: f1_high ?? undefined }),
    ]);
  const more = shown.length > mostLabels ? `and ${integer(shown.length - mostLabels)} more in the workbook\n` : "";
  return `\nLabels of ${name}, most frequent first; 95 % intervals of each F1 alone, not corrected for the number of labels\n${table([["label", "cases", "precision", "recall", "F1"], ...cells], { align: ["left", "right", "right", "right", "right"], ...screen })}${more}`;
}
