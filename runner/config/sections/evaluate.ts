import { metricNames } from "../../plugins/metric-names.ts";
import { seed, view } from "./scalars.ts";
/** What `evaluate` says. */
export const evaluate = {
  type: "object",
  additionalProperties: false,
  properties: {
    split: { type: "string", enum: ["test", "validation"], default: "test", description: "Rows that are scored." },
    metrics: {
      type: "array",
      minItems: 1,
      uniqueItems: true,
      items: { type: "string", enum: metricNames },
      default: ["micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"],
      description: "Metrics that tables show; all are computed.",
    },
    primary: {
      type: "object",
      additionalProperties: false,
      properties: {
        metric: { type: "string", enum: metricNames, default: "micro_f1", description: "The metric that decides." },
        view: { ...view, default: "canonical", description: "The label view that it is taken in." },
      },
      default: {},
      description: "The one number named beforehand.",
    },
    bootstrap: {
      type: "object",
      additionalProperties: false,
      properties: {
        resamples: { type: "integer", minimum: 100, default: 10000, description: "Bootstrap resamples of the cases." },
        seed: { ...seed, default: 1, description: "Seed of the draw." },
      },
      default: {},
      description: "Confidence intervals.",
    },
  },
  default: {},
  description: "What is measured, and on which rows.",
} as const;
