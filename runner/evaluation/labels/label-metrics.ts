import type { Metric } from "../../plugins/metrics/metric.ts";
import { Registry } from "../../plugins/registry.ts";
import { type Columns, type Counts, type LabelSpace, labelCounters } from "./counters.ts";
import { creditMetrics } from "./credit-metrics.ts";
import { rankingMetrics } from "./ranking.ts";

/** A metric of label sets. Its contribution to the counts is that of every label metric: see counters.ts. */
export type LabelMetric = Metric<Columns, Columns, Counts, LabelSpace>;

/** 0 / 0 is 0, as scikit-learn's zero_division=0. */
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

type Column = (hits: number, support: number, predicted: number) => number;
const precision: Column = (hits, _support, predicted) => ratio(hits, predicted);
const recall: Column = (hits, support) => ratio(hits, support);
const f1: Column = (hits, support, predicted) => ratio(2 * hits, support + predicted);
const jaccard: Column = (hits, support, predicted) => ratio(hits, support + predicted - hits);

const micro = (column: Column) => (counts: Counts) =>
  column(counts.total.hits, counts.total.support, counts.total.predicted);

/**
 * A weighted mean over labels. `weight` gets the number of gold cases in the whole set, and in the summed cases. The
 * innermost loop of every resample: the arrays are read from the counts once. `otherwise` is the mean over no label.
 */
function average(
  { support, predicted, hits, wholeSupport }: Counts,
  column: Column,
  weight: (whole: number, support: number) => number,
  otherwise = 0,
): number {
  let sum = 0;
  let weights = 0;
  for (let at = 0; at < support.length; at++) {
    const inGold = support[at] as number;
    const share = weight(wholeSupport[at] as number, inGold);
    if (share === 0) continue;
    weights += share;
    sum += share * column(hits[at] as number, inGold, predicted[at] as number);
  }
  return weights === 0 ? otherwise : sum / weights;
}

/** Macro averages run over the labels with gold cases in the whole set, whatever a resample holds. */
const macro = (column: Column) => (counts: Counts) => average(counts, column, (whole) => (whole > 0 ? 1 : 0));
const weighted = (column: Column) => (counts: Counts) => average(counts, column, (_, support) => support);
const samples = (sum: "precision" | "recall" | "f1" | "jaccard" | "exact") => (counts: Counts) =>
  ratio(counts.cases[sum], counts.n);

/**
 * A macro average over rare labels has biased resamples: a rare label is absent from many of them. Its interval is that
 * of the jackknife, which covers the true value in simulation.
 */
export const macroInterval = ({ wholeSupport, minCases }: Pick<Counts, "wholeSupport" | "minCases">) =>
  wholeSupport.some((support) => support > 0 && support < minCases) ? "jackknife" : "percentile";

type Definition = Pick<
  LabelMetric,
  "displayName" | "definition" | "definitionWith" | "value" | "isShareCorrect" | "intervalMethod" | "hub"
> & {
  readonly higherIsBetter?: false;
};

/** A metric of the hub that averages as scikit-learn does. */
const averaged = (id: string, average: string) => ({ hub: { id, args: { average } } });

/** Names and averaging are scikit-learn's. */
const definitions: Readonly<Record<string, Definition>> = {
  micro_f1: {
    ...averaged("f1", "micro"),
    displayName: "micro-F1",
    definition: "F1 over all (case, label) pairs: 2 TP / (2 TP + FP + FN)",
    value: micro(f1),
  },
  macro_f1: {
    ...averaged("f1", "macro"),
    displayName: "macro-F1",
    definition: "Mean F1 over the labels that have gold cases",
    value: macro(f1),
    intervalMethod: macroInterval,
  },
  macro_f1_min5: {
    ...averaged("f1", "macro"),
    displayName: "macro-F1 over frequent labels",
    definition: "Mean F1 over the labels with at least 5 gold cases (data.labels.min_cases sets the number)",
    definitionWith: (scoring) =>
      `Mean F1 over the labels with at least ${(scoring as { min_cases: number }).min_cases} gold cases`,
    value: (counts: Counts) => average(counts, f1, (whole) => (whole >= counts.minCases ? 1 : 0), Number.NaN),
    intervalMethod: ({ wholeSupport, minCases }: Counts) =>
      wholeSupport.some((support) => support >= minCases)
        ? "percentile"
        : { none: `no label has at least ${minCases} gold cases` },
  },
  samples_f1: {
    ...averaged("f1", "samples"),
    displayName: "samples-F1",
    definition: "Mean F1 over cases; 0 if gold and prediction are empty",
    value: samples("f1"),
  },
  samples_f1_empty1: {
    ...averaged("f1", "samples"),
    displayName: "samples-F1 (empty: 1)",
    definition: "Mean F1 over cases; 1 if gold and prediction are empty",
    value: ({ cases, n }: Counts) => ratio(cases.f1 + cases.empty, n),
  },
  weighted_f1: {
    ...averaged("f1", "weighted"),
    displayName: "weighted F1",
    definition: "Mean F1 over labels, weighted by the number of gold cases",
    value: weighted(f1),
  },
  micro_precision: {
    ...averaged("precision", "micro"),
    definition: "TP / (TP + FP) over all (case, label) pairs",
    value: micro(precision),
  },
  micro_recall: {
    ...averaged("recall", "micro"),
    definition: "TP / (TP + FN) over all (case, label) pairs",
    value: micro(recall),
  },
  macro_precision: {
    ...averaged("precision", "macro"),
    definition: "Mean precision over the labels that have gold cases",
    value: macro(precision),
    intervalMethod: macroInterval,
  },
  macro_recall: {
    ...averaged("recall", "macro"),
    definition: "Mean recall over the labels that have gold cases",
    value: macro(recall),
    intervalMethod: macroInterval,
  },
  weighted_precision: {
    ...averaged("precision", "weighted"),
    definition: "Mean precision over labels, weighted by the number of gold cases",
    value: weighted(precision),
  },
  weighted_recall: {
    ...averaged("recall", "weighted"),
    definition: "Mean recall over labels, weighted by the number of gold cases",
    value: weighted(recall),
  },
  samples_precision: {
    ...averaged("precision", "samples"),
    definition: "Mean precision over cases; 0 if the prediction is empty",
    value: samples("precision"),
  },
  samples_recall: {
    ...averaged("recall", "samples"),
    definition: "Mean recall over cases; 0 if gold is empty",
    value: samples("recall"),
  },
  exact_match: {
    hub: { id: "exact_match" },
    definition: "Proportion of cases whose predicted set equals the gold set (subset accuracy)",
    isShareCorrect: true,
    value: samples("exact"),
  },
  hamming_loss: {
    displayName: "Hamming loss",
    definition:
      "Proportion of wrong (case, label) pairs over the labels of gold and predictions: (FP + FN) / (cases x labels); lower is better",
    higherIsBetter: false,
    value: ({ n, distinct, total }: Counts) => ratio(total.support + total.predicted - 2 * total.hits, n * distinct),
  },
  jaccard_micro: {
    displayName: "Jaccard (micro)",
    definition: "TP / (TP + FP + FN) over all (case, label) pairs",
    value: micro(jaccard),
  },
  jaccard_macro: {
    displayName: "Jaccard (macro)",
    definition: "Mean intersection over union over the labels that have gold cases",
    value: macro(jaccard),
    intervalMethod: macroInterval,
  },
  jaccard_samples: {
    displayName: "Jaccard (samples)",
    definition: "Mean intersection over union over cases; 0 if both sets are empty",
    value: samples("jaccard"),
  },
};

/** The metrics of label sets, in the order in which tables show them. */
export const labelMetrics = new Registry<Metric>("metric");
for (const [name, definition] of Object.entries(definitions))
  labelMetrics.register({ name, higherIsBetter: true, isUnitScore: true, counters: labelCounters, ...definition });
for (const metric of [...creditMetrics, ...rankingMetrics]) labelMetrics.register(metric);
