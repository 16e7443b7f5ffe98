import { type ViewOf, viewLabels } from "./labels/views.ts";

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

/**
 * The names that a prompt offers: spellings that are one label in the view become one, by its most frequent spelling,
 * and those of fewer than `min_count` rows are left out. `counts` is in the raw view, most frequent first.
 */
export function offeredLabels(
  counts: readonly LabelCount[],
  of: ViewOf,
  { min_count, order }: { readonly min_count: number; readonly order: "frequency" | "alphabetical" },
): readonly string[] {
  const names = new Map<string, { readonly label: string; readonly count: number }>();
  for (const { label, count } of counts) {
    const form = of(label);
    const known = names.get(form);
    names.set(form, { label: known?.label ?? label, count: (known?.count ?? 0) + count });
  }
  const kept = [...names.values()].filter(({ count }) => count >= min_count);
  if (order === "frequency") kept.sort((a, b) => b.count - a.count);
  const labels = kept.map(({ label }) => label);
  return order === "alphabetical" ? labels.sort() : labels;
}
