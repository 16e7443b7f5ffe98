import type { ComparedCase } from "../../plugins/tasks/category.ts";

/**
 * Labels that are predicted in place of others: `counts[row][column]` cases omit the label of the row and add that of
 * the column.
 */
export type Confusions = {
  readonly omitted: readonly string[];
  /** The last column, "(nothing)", counts cases that omit the label and add none. */
  readonly added: readonly string[];
  readonly counts: readonly (readonly number[])[];
  /** All pairs that occur, most frequent first, the first hundred. */
  readonly pairs: readonly { readonly omitted: string; readonly added: string; readonly count: number }[];
};

const nothing = "(nothing)";
const pairsKept = 100;

/**
 * Counts omitted against added labels; the matrix has the `top` labels that are most often omitted, and most often
 * added.
 */
export function confusionsOf(cases: readonly ComparedCase[], top = 12): Confusions {
  const omittedTimes = new Map<string, number>();
  const addedTimes = new Map<string, number>();
  const pairs = new Map<string, { omitted: string; added: string; count: number }>();
  for (const { omitted, added } of cases) {
    for (const label of omitted) omittedTimes.set(label, (omittedTimes.get(label) ?? 0) + 1);
    if (omitted.length === 0) continue;
    for (const label of added) addedTimes.set(label, (addedTimes.get(label) ?? 0) + 1);
    for (const gold of omitted) {
      for (const label of added.length === 0 ? [nothing] : added) {
        const key = `${gold}\0${label}`;
        const pair = pairs.get(key);
        if (pair === undefined) pairs.set(key, { omitted: gold, added: label, count: 1 });
        else pair.count++;
      }
    }
  }
  const rows = mostFrequent(omittedTimes, top);
  const columns = [...mostFrequent(addedTimes, top), nothing];
  return {
    omitted: rows,
    added: columns,
    counts: rows.map((gold) => columns.map((label) => pairs.get(`${gold}\0${label}`)?.count ?? 0)),
    pairs: [...pairs.values()]
      .filter(({ added }) => added !== nothing)
      .sort((a, b) => b.count - a.count || byName(a.omitted, b.omitted) || byName(a.added, b.added))
      .slice(0, pairsKept),
  };
}

function mostFrequent(times: ReadonlyMap<string, number>, top: number): string[] {
  const sorted = [...times].sort((a, b) => b[1] - a[1] || byName(a[0], b[0]));
  return sorted.slice(0, top).map(([label]) => label);
}

function byName(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
