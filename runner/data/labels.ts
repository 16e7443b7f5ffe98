import { type ViewOf, viewLabels } from "../labels/views.ts";

/** A label and the number of rows that have it. */
export type LabelCount = { readonly label: string; readonly count: number };

/** The labels of rows with their counts, in one view: most frequent first, ties by name in code-unit order. */
export function labelCounts(rows: Iterable<{ readonly gold: readonly string[] }>, of: ViewOf): LabelCount[] {
  const counts = new Map<string, number>();
  for (const { gold } of rows)
    for (const label of viewLabels(gold, of)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts]
    .map(([label, count]) => ({ label, count }))
    .sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1));
}
