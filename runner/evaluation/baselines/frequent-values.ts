import type { Baseline } from "./baseline.ts";

type Objects = readonly { readonly gold: Readonly<Record<string, unknown>> }[];

/**
 * Predicts the same object for every case: for each key of the training targets, its most frequent value; a key that
 * fewer than half of the rows have is absent. Ties go to the value that is first in the file. Targets are JSON objects.
 */
export const frequentValues: Baseline = (rows, cases) => {
  const train = rows as Objects;
  const keys = [...new Set(train.flatMap(({ gold }) => Object.keys(gold)))];
  const answer = Object.fromEntries(
    keys.flatMap((key) => {
      const counts = new Map<string, { readonly value: unknown; count: number }>();
      let present = 0;
      for (const { gold } of train) {
        if (!Object.hasOwn(gold, key)) continue;
        present++;
        const text = JSON.stringify(gold[key]);
        const found = counts.get(text) ?? { value: gold[key], count: 0 };
        found.count++;
        counts.set(text, found);
      }
      if (2 * present < train.length) return [];
      const [first, ...others] = counts.values();
      if (first === undefined) return [];
      const best = others.reduce((most, one) => (one.count > most.count ? one : most), first);
      return [[key, best.value]];
    }),
  );
  return cases.map(() => answer);
};
