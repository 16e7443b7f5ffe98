import type { RunFacts } from "./study.ts";

const armNames: Readonly<Record<string, string>> = {
  zero_shot: "zero-shot",
  tuned: "fine-tuned",
  tfidf_svm: "TF-IDF + SVM",
  most_frequent: "most frequent",
  nearest: "nearest neighbour",
  ensemble: "ensemble",
};

/** The display name of an arm: "zero-shot"; "qlora-4b, fine-tuned" for an arm of a compared experiment. */
export function armName(arm: string): string {
  const dot = arm.lastIndexOf(".");
  const own = armNames[arm.slice(dot + 1)] ?? arm.slice(dot + 1);
  return dot < 0 ? own : `${arm.slice(0, dot)}, ${own}`;
}

const metricNames: Readonly<Record<string, string>> = {
  micro_f1: "micro-F1",
  macro_f1: "macro-F1",
  samples_f1: "samples-F1",
  weighted_f1: "weighted F1",
  exact_match: "exact match",
  jaccard_samples: "Jaccard (samples)",
  jaccard_micro: "Jaccard (micro)",
  jaccard_macro: "Jaccard (macro)",
  hamming_loss: "Hamming loss",
  macro_f1_gold: "macro-F1 over gold labels",
  accuracy: "accuracy",
  cohen_kappa: "Cohen's kappa",
};

/** The display name of a metric: "micro-F1". */
export const metricName = (metric: string): string => metricNames[metric] ?? metric.replaceAll("_", " ");

/** The arm that a run evaluates: the fine-tuned model, or the zero-shot model if the run trains nothing. */
export const primaryArm = (run: RunFacts): string => (run.config.train === undefined ? "zero_shot" : "tuned");
