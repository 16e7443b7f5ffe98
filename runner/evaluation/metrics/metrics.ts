import type { Counts } from "./count.ts";

/** One number about a set of predictions, and the line by which a report defines it. */
export type Metric = {
  readonly definition: string;
  /** Of losses. */
  readonly lowerIsBetter?: true;
  of(counts: Counts): number;
};

/** 0 / 0 is 0 in every metric, as scikit-learn's zero_division=0. */
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

type Column = (hits: number, support: number, predicted: number) => number;
const precision: Column = (hits, _support, predicted) => ratio(hits, predicted);
const recall: Column = (hits, support) => ratio(hits, support);
const f1: Column = (hits, support, predicted) => ratio(2 * hits, support + predicted);
const jaccard: Column = (hits, support, predicted) => ratio(hits, support + predicted - hits);

const micro = (column: Column) => (counts: Counts) =>
  column(counts.total.hits, counts.total.support, counts.total.predicted);

type Weight = (support: number, predicted: number) => number;
const present: Weight = (support, predicted) => (support + predicted > 0 ? 1 : 0);

/** The innermost loop of every bootstrap sample: the arrays are taken out of the counts once. */
function average({ support, predicted, hits }: Counts, column: Column, weight: Weight, more = 0): number {
  let sum = 0;
  let weights = more;
  for (let at = 0; at < support.length; at++) {
    const inGold = support[at] as number;
    const inPrediction = predicted[at] as number;
    const share = weight(inGold, inPrediction);
    if (share === 0) continue;
    weights += share;
    sum += share * column(hits[at] as number, inGold, inPrediction);
  }
  return ratio(sum, weights);
}
const macro = (column: Column) => (counts: Counts) => average(counts, column, present, counts.absent);
const weighted = (column: Column) => (counts: Counts) => average(counts, column, (support) => support);
const samples = (sum: "precision" | "recall" | "f1" | "jaccard" | "exact") => (counts: Counts) =>
  ratio(counts.cases[sum], counts.n);

/** Every metric by its name, in the order in which they are shown. Names and averaging are scikit-learn's. */
export const metrics = {
  micro_f1: { definition: "F1 over all (case, label) pairs: 2 TP / (2 TP + FP + FN)", of: micro(f1) },
  macro_f1: { definition: "F1 of each label, mean over the labels of gold or prediction", of: macro(f1) },
  samples_f1: {
    definition: "F1 of each case, mean over cases; 0 where gold and prediction are empty",
    of: samples("f1"),
  },
  weighted_f1: { definition: "F1 of each label, mean weighted by the label's gold cases", of: weighted(f1) },
  micro_precision: { definition: "TP / (TP + FP) over all (case, label) pairs", of: micro(precision) },
  micro_recall: { definition: "TP / (TP + FN) over all (case, label) pairs", of: micro(recall) },
  macro_precision: {
    definition: "Precision of each label, mean over the labels of gold or prediction",
    of: macro(precision),
  },
  macro_recall: { definition: "Recall of each label, mean over the labels of gold or prediction", of: macro(recall) },
  weighted_precision: {
    definition: "Precision of each label, mean weighted by the label's gold cases",
    of: weighted(precision),
  },
  weighted_recall: {
    definition: "Recall of each label, mean weighted by the label's gold cases",
    of: weighted(recall),
  },
  samples_precision: {
    definition: "Precision of each case, mean over cases; 0 where nothing is predicted",
    of: samples("precision"),
  },
  samples_recall: { definition: "Recall of each case, mean over cases; 0 where gold is empty", of: samples("recall") },
  exact_match: {
    definition: "Share of cases whose predicted set equals the gold set (subset accuracy)",
    of: samples("exact"),
  },
  hamming_loss: {
    definition: "Share of wrong (case, label) pairs: (FP + FN) / (cases x labels); lower is better",
    lowerIsBetter: true,
    of: ({ n, columns, total }: Counts) => ratio(total.support + total.predicted - 2 * total.hits, n * columns),
  },
  jaccard_micro: { definition: "TP / (TP + FP + FN) over all (case, label) pairs", of: micro(jaccard) },
  jaccard_macro: {
    definition: "Intersection over union of each label, mean over the labels of gold or prediction",
    of: macro(jaccard),
  },
  jaccard_samples: {
    definition: "Intersection over union of each case, mean over cases; 0 where both are empty",
    of: samples("jaccard"),
  },
  macro_f1_gold: {
    definition: "F1 of each label, mean over the labels that gold has",
    of: (counts: Counts) => average(counts, f1, (support) => (support > 0 ? 1 : 0)),
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/** Names of all metrics, in the order in which they are shown. */
export const metricNames = Object.keys(metrics) as MetricName[];

/** Whether one value of a metric is better than another. */
export function isBetter(name: MetricName, value: number, other: number): boolean {
  return (metrics[name] as Metric).lowerIsBetter ? value < other : value > other;
}

/** Every metric of one set of counts. */
export type Scores = Readonly<Record<MetricName, number>>;

/** Computes every metric. */
export function scoresOf(counts: Counts): Scores {
  return Object.fromEntries(metricNames.map((name) => [name, metrics[name].of(counts)])) as Record<MetricName, number>;
}
