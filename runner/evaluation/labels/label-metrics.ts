import type { Metric } from "../../plugins/metrics/metric.ts";
import { Registry } from "../../plugins/registry.ts";
import { type Columns, type Counts, type LabelSpace, labelCounters } from "./counters.ts";

/** A metric of label sets. Its contribution to the counts is that of every label metric: see counters.ts. */
export type LabelMetric = Metric<Columns, Columns, Counts, LabelSpace>;

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

/** A weighted mean over columns. The innermost loop of every resample: the arrays are read from the counts once. */
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

/** Macro averages run over the labels that gold or prediction has; labels of the space that neither has count as 0. */
const macro = (column: Column) => (counts: Counts) => average(counts, column, present, counts.absent);
const weighted = (column: Column) => (counts: Counts) => average(counts, column, (support) => support);
const samples = (sum: "precision" | "recall" | "f1" | "jaccard" | "exact") => (counts: Counts) =>
  ratio(counts.cases[sum], counts.n);

type Definition = Pick<LabelMetric, "displayName" | "definition" | "value" | "isShareCorrect"> & {
  readonly higherIsBetter?: false;
};

/** Names and averaging are scikit-learn's. */
const definitions: Readonly<Record<string, Definition>> = {
  micro_f1: {
    displayName: "micro-F1",
    definition: "F1 over all (case, label) pairs: 2 TP / (2 TP + FP + FN)",
    value: micro(f1),
  },
  macro_f1: {
    displayName: "macro-F1",
    definition: "Mean F1 over the labels that occur in gold or predictions",
    value: macro(f1),
  },
  samples_f1: {
    displayName: "samples-F1",
    definition: "Mean F1 over cases; 0 if gold and prediction are empty",
    value: samples("f1"),
  },
  weighted_f1: {
    displayName: "weighted F1",
    definition: "Mean F1 over labels, weighted by the number of gold cases",
    value: weighted(f1),
  },
  micro_precision: { definition: "TP / (TP + FP) over all (case, label) pairs", value: micro(precision) },
  micro_recall: { definition: "TP / (TP + FN) over all (case, label) pairs", value: micro(recall) },
  macro_precision: {
    definition: "Mean precision over the labels that occur in gold or predictions",
    value: macro(precision),
  },
  macro_recall: {
    definition: "Mean recall over the labels that occur in gold or predictions",
    value: macro(recall),
  },
  weighted_precision: {
    definition: "Mean precision over labels, weighted by the number of gold cases",
    value: weighted(precision),
  },
  weighted_recall: {
    definition: "Mean recall over labels, weighted by the number of gold cases",
    value: weighted(recall),
  },
  samples_precision: {
    definition: "Mean precision over cases; 0 if the prediction is empty",
    value: samples("precision"),
  },
  samples_recall: { definition: "Mean recall over cases; 0 if gold is empty", value: samples("recall") },
  exact_match: {
    definition: "Proportion of cases whose predicted set equals the gold set (subset accuracy)",
    isShareCorrect: true,
    value: samples("exact"),
  },
  hamming_loss: {
    displayName: "Hamming loss",
    definition: "Proportion of wrong (case, label) pairs: (FP + FN) / (cases x labels); lower is better",
    higherIsBetter: false,
    value: ({ n, columns, total }: Counts) => ratio(total.support + total.predicted - 2 * total.hits, n * columns),
  },
  jaccard_micro: {
    displayName: "Jaccard (micro)",
    definition: "TP / (TP + FP + FN) over all (case, label) pairs",
    value: micro(jaccard),
  },
  jaccard_macro: {
    displayName: "Jaccard (macro)",
    definition: "Mean intersection over union over the labels that occur in gold or predictions",
    value: macro(jaccard),
  },
  jaccard_samples: {
    displayName: "Jaccard (samples)",
    definition: "Mean intersection over union over cases; 0 if both sets are empty",
    value: samples("jaccard"),
  },
  macro_f1_gold: {
    displayName: "macro-F1 over gold labels",
    definition: "Mean F1 over the labels that occur in gold",
    value: (counts: Counts) => average(counts, f1, (support) => (support > 0 ? 1 : 0)),
  },
};

/** The metrics of label sets, in the order in which tables show them. */
export const labelMetrics = new Registry<Metric>("metric");
for (const [name, definition] of Object.entries(definitions))
  labelMetrics.register({ name, higherIsBetter: true, counters: labelCounters, ...definition });
