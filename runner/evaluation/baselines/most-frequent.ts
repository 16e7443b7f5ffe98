import { basicForm } from "../../data/labels/basic.ts";
import { viewLabels } from "../../data/labels/views.ts";
import type { Baseline } from "./baseline.ts";

/**
 * Predicts the most frequent label set of the training rows for every case. Sets are compared in the basic view. Ties
 * go to the set that is first in the file. Its most frequent spelling is used. Without rows, the prediction is empty.
 */
export const mostFrequent: Baseline = (rows, cases) => {
  const train = rows as readonly { readonly gold: readonly string[] }[];
  const sets = new Map<string, Map<string, { count: number; gold: readonly string[] }>>();
  for (const { gold } of train) {
    const key = viewLabels(gold, basicForm).sort().join("\0");
    const written = gold.join("\0");
    const ways = sets.get(key) ?? new Map<string, { count: number; gold: readonly string[] }>();
    ways.set(written, { count: (ways.get(written)?.count ?? 0) + 1, gold });
    sets.set(key, ways);
  }
  const total = (ways: ReadonlyMap<string, { count: number }>): number =>
    [...ways.values()].reduce((sum, { count }) => sum + count, 0);
  const best = largest([...sets.values()], total);
  const answer = best === undefined ? [] : (largest([...best.values()], ({ count }) => count)?.gold ?? []);
  return cases.map(() => answer);
};

/** The first of the largest. */
function largest<T>(items: readonly T[], size: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || size(item) > size(best) ? item : best),
    undefined,
  );
}
