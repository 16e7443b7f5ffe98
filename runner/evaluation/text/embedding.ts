import type { CounterSet, Metric } from "../../plugins/metrics/metric.ts";
import { embeddingScore } from "../../plugins/metrics/own-metric.ts";

type Compared = { readonly compared: number; readonly similarity: number };

const counters: CounterSet<unknown, unknown, Compared> = {
  open: () => ({
    contribute(_target, _prediction, add, { similarity } = {}) {
      if (similarity === undefined) return;
      add(0);
      add(1, similarity);
    },
    size: () => 2,
    reader: () => (sums) => ({ compared: sums[0] ?? 0, similarity: sums[1] ?? 0 }),
  }),
};

/** The mean similarity of answers and targets by an embedding model (`evaluate.embedding`). */
export const embeddingMetric: Metric<unknown, unknown, Compared> = {
  name: embeddingScore,
  displayName: "embedding score",
  definition: "Mean cosine similarity of answer and target by an embedding model, the mean of its last hidden states",
  higherIsBetter: true,
  range: [-1, 1],
  counters,
  value: ({ compared, similarity }) => (compared === 0 ? Number.NaN : similarity / compared),
};
