import { metricNames } from "../../plugins/metric-names.ts";
import { seed, view } from "./scalars.ts";

/** The `evaluate` section. */
export const evaluate = {
  type: "object",
  additionalProperties: false,
  properties: {
    split: {
      type: "string",
      enum: ["test", "validation"],
      default: "test",
      description: "Rows that are evaluated.",
      examples: ["validation"],
    },
    metrics: {
      type: "array",
      minItems: 1,
      uniqueItems: true,
      items: { type: "string", enum: metricNames },
      default: ["micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"],
      description: "Metrics that tables show. All metrics are computed.",
      examples: [["micro_f1", "exact_match"]],
    },
    primary: {
      type: "object",
      additionalProperties: false,
      properties: {
        metric: {
          type: "string",
          enum: metricNames,
          default: "micro_f1",
          description: "The metric that tests and selections use.",
          examples: ["macro_f1"],
        },
        view: {
          ...view,
          default: "canonical",
          description: "The label view in which it is computed.",
          examples: ["basic"],
        },
      },
      default: {},
      description: "The primary metric of the study, chosen before the results are known.",
      examples: [{ metric: "macro_f1" }],
    },
    bootstrap: {
      type: "object",
      additionalProperties: false,
      properties: {
        resamples: {
          type: "integer",
          minimum: 100,
          default: 10000,
          description: "Number of bootstrap resamples of the cases.",
          examples: [2000],
        },
        seed: { ...seed, default: 1, description: "Seed of the resampling.", examples: [2] },
      },
      default: {},
      description: "Confidence intervals.",
      examples: [{ resamples: 2000 }],
    },
  },
  default: {},
  description: "The evaluated rows, the metrics and their intervals.",
} as const;
