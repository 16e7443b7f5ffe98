/** What can be trained: an adapter (lora, dora), an adapter on a 4-bit base (qlora, qdora), or every weight (full). */
export const methods = ["lora", "dora", "qlora", "qdora", "full"] as const;
export type Method = (typeof methods)[number];

/** Metrics on validation rows by which `keep.best` can choose a checkpoint. */
export const checkpointMetrics = [
  "loss",
  "micro_f1",
  "macro_f1",
  "samples_f1",
  "exact_match",
  "jaccard_samples",
] as const;
