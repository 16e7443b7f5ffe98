import type { RunFacts } from "./study.ts";

const armWords: Readonly<Record<string, string>> = {
  zero_shot: "zero-shot",
  tuned: "fine-tuned",
  tfidf_svm: "TF-IDF + SVM",
  most_frequent: "most frequent",
  nearest: "nearest neighbour",
  ensemble: "ensemble",
};

/** An arm as people read it: "zero-shot", or "qlora-4b, fine-tuned" for an arm of a compared experiment. */
export function armWord(arm: string): string {
  const dot = arm.lastIndexOf(".");
  const own = armWords[arm.slice(dot + 1)] ?? arm.slice(dot + 1);
  return dot < 0 ? own : `${arm.slice(0, dot)}, ${own}`;
}

const metricWords: Readonly<Record<string, string>> = {
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

/** A metric as tables head it. */
export const metricWord = (metric: string): string => metricWords[metric] ?? metric.replaceAll("_", " ");

/** A share to three places; a dash where there is none. */
export const score = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(3));

/** A value and its interval: "0.774 [0.731, 0.815]". */
export function withInterval(
  of: { readonly value: number; readonly low: number; readonly high: number } | undefined,
): string {
  return of === undefined ? "–" : `${score(of.value)} [${score(of.low)}, ${score(of.high)}]`;
}

/** A p-value as papers print it. */
export const pValue = (p: number | null): string => (p === null ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3));

/** Whole numbers with thin groups: 1,236. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en");

/** Seconds as people say them. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/**
 * How long a model was trained, over all tries and, in a sweep by halving, all rungs: by the trainer's own clock where it tells. The
 * step's seconds have in them what was loaded and saved, and of a rung those of the last part alone.
 */
export function trainingTime(step: RunFacts["steps"][string] | undefined): string {
  if (step === undefined) return "–";
  const { seconds_training: told } = step.evidence;
  return duration(typeof told === "number" ? told : step.seconds);
}

/** Bytes in GB; a dash where nothing was measured. */
export function gigabytes(bytes: number): string {
  if (bytes === 0) return "–";
  return bytes < 5e7 ? "< 0.1 GB" : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** A run's arm that it is about: the trained model, or the untrained one where nothing was trained. */
export const subject = (run: RunFacts): string => (run.config.train === undefined ? "zero_shot" : "tuned");
