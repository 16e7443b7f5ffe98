import { basicForm } from "./labels/basic.ts";
import { isNone } from "./labels/none.ts";
import { viewOf } from "./labels/views.ts";
import { type LabelCount, labelCounts } from "./labels.ts";
import { noLabels } from "./target.ts";

type Labelled = { readonly gold: readonly string[] };

/** The number of rows that make a text such as "None" a label next to other labels: two, and one row in a hundred. */
const fewest = (rows: number): number => Math.max(2, rows / 100);

/** Labels such as "None" that so few training rows have that they are errors of the data. */
export function strayNone(rows: readonly Labelled[]): (label: string) => boolean {
  const counts = new Map<string, number>();
  for (const { gold } of rows) {
    for (const form of new Set(gold.filter(isNone).map(basicForm))) counts.set(form, (counts.get(form) ?? 0) + 1);
  }
  return (label) => isNone(label) && (counts.get(basicForm(label)) ?? 0) < fewest(rows.length);
}

/**
 * The labels of training rows in the raw view, most frequent first. A text such as "None" or "normal" is a label of a
 * set only if rows have it as their only label, two rows or one of at most a hundred, or if {@link fewest} rows have it
 * next to other labels. "None" is none if more rows are without labels, because both are taught as the same text. If
 * each row has exactly one label, every text is a label.
 */
export function studyLabels(rows: readonly Labelled[], isSingle: boolean): LabelCount[] {
  const counts = labelCounts(rows, viewOf("raw"));
  if (isSingle || !counts.some(({ label }) => isNone(label))) return counts;
  const alone = new Map<string, number>();
  const listed = new Map<string, number>();
  let empty = 0;
  for (const { gold } of rows) {
    if (gold.length === 0) empty++;
    const [form] = gold;
    if (gold.length === 1 && form !== undefined) alone.set(basicForm(form), (alone.get(basicForm(form)) ?? 0) + 1);
    if (gold.length > 1)
      for (const one of new Set(gold.filter(isNone).map(basicForm))) listed.set(one, (listed.get(one) ?? 0) + 1);
  }
  return counts.filter(({ label }) => {
    if (!isNone(label)) return true;
    const count = alone.get(basicForm(label)) ?? 0;
    const isFrequent =
      count > 1 || (count === 1 && rows.length <= 100) || (listed.get(basicForm(label)) ?? 0) >= fewest(rows.length);
    return isFrequent && (basicForm(label) !== basicForm(noLabels) || empty === 0 || count > empty);
  });
}
