import type { CounterSet, Metric } from "../../plugins/metrics/metric.ts";
import type { Columns, LabelSpace } from "./counters.ts";

/**
 * Average precision of the ranking of all labels of a case, as scikit-learn's `average_precision_score` and
 * `label_ranking_average_precision_score`: the mean over gold labels of the share of gold labels among those with at
 * least its score. `scores` has no label twice; the other labels, of `total`, share the last place. Undefined without
 * gold.
 */
export function averagePrecision(
  gold: ReadonlySet<string>,
  scores: ReadonlyMap<string, number>,
  total: number,
): number | undefined {
  if (gold.size === 0) return undefined;
  const ranked = [...scores].sort(([, a], [, b]) => b - a);
  let [hits, listed, sum] = [0, 0, 0];
  for (let from = 0; from < ranked.length; ) {
    let to = from;
    let own = 0;
    for (; to < ranked.length && ranked[to]?.[1] === ranked[from]?.[1]; to++)
      if (gold.has((ranked[to] as [string, number])[0])) own++;
    hits += own;
    listed = to;
    sum += (own * hits) / listed;
    from = to;
  }
  const absent = gold.size - hits;
  return (sum + (absent * gold.size) / Math.max(total, listed + absent)) / gold.size;
}

type Ranked = { readonly cases: number; readonly sum: number };

const rankingCounters: CounterSet<Columns, Columns, Ranked, LabelSpace> = {
  open: () => ({
    contribute(_target, _prediction, add, measured) {
      if (measured?.precision === undefined) return;
      add(0);
      add(1, measured.precision);
    },
    size: () => 2,
    reader: () => (sums) => ({ cases: sums[0] as number, sum: sums[1] as number }),
  }),
};

/** Metrics of the order in which scores put all labels. */
export const rankingMetrics: readonly Metric<Columns, Columns, Ranked, LabelSpace>[] = [
  {
    name: "map",
    displayName: "mAP",
    definition:
      "Mean average precision of the ranking of all labels by their scores, over the cases with gold labels; an arm without scores has none",
    higherIsBetter: true,
    range: [0, 1],
    counters: rankingCounters,
    value: ({ cases, sum }) => (cases === 0 ? Number.NaN : sum / cases),
    intervalMethod: ({ cases }) => (cases === 0 ? { none: "the arm has no scores of labels" } : "bca"),
  },
];
