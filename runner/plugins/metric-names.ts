/** Metrics by their names in files, tables and JSON; averaging as scikit-learn's. */
export const metricNames = [
  "micro_f1",
  "macro_f1",
  "samples_f1",
  "weighted_f1",
  "micro_precision",
  "micro_recall",
  "macro_precision",
  "macro_recall",
  "weighted_precision",
  "weighted_recall",
  "samples_precision",
  "samples_recall",
  "exact_match",
  "hamming_loss",
  "jaccard_micro",
  "jaccard_macro",
  "jaccard_samples",
  "macro_f1_gold",
] as const;

export type MetricName = (typeof metricNames)[number];
