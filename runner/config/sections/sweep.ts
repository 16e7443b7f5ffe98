import { seed } from "./scalars.ts";

const valuesByKey = {
  type: "object",
  minProperties: 1,
  additionalProperties: { type: "array", minItems: 1 },
} as const;

/**
 * JSON Schema of `sweep`. Its paths and values are also checked against the experiment's schema. `metrics` (those
 * that rank) and `views` are those of all tasks.
 */
export function sweepSection({
  metrics,
  views,
}: {
  readonly metrics: readonly string[];
  readonly views: readonly string[];
}) {
  return {
    type: "object",
    additionalProperties: false,
    properties: {
      grid: {
        ...valuesByKey,
        description: "Key -> values. Every combination is a setting.",
        examples: [{ "train.rank": [8, 16] }],
      },
      zip: {
        ...valuesByKey,
        description: "Key -> values. The first values of all keys form a setting, then the second values, and so on.",
        examples: [{ "train.rank": [8, 16], "train.alpha": [16, 32] }],
      },
      strategy: {
        type: "string",
        enum: ["grid", "random", "halving", "tpe"],
        description:
          "grid: all settings. random: a seeded sample of `trials` settings. halving: successive halving, which trains all settings for few epochs and the best on validation rows for more. tpe: `trials` settings in rounds, each proposed from the scores of earlier rounds on validation rows. Absent: grid.",
        examples: ["random"],
      },
      trials: {
        type: "integer",
        minimum: 1,
        description: "Number of settings that `random` or `tpe` tries. Each has all repeats.",
        examples: [8],
      },
      eta: {
        type: "integer",
        minimum: 2,
        description:
          "Reduction factor of `strategy: halving`: keep 1/eta of the settings and multiply their epochs by eta. Absent: 2.",
        examples: [3],
      },
      min_epochs: {
        type: "integer",
        minimum: 1,
        description: "Epochs before the first comparison of `strategy: halving`. Absent: 1.",
        examples: [2],
      },
      startup: {
        type: "integer",
        minimum: 2,
        description: "Number of settings of `strategy: tpe` that a random sample draws, before proposals. Absent: 5.",
        examples: [8],
      },
      parallel: {
        type: "integer",
        minimum: 1,
        description:
          "Number of settings that `strategy: tpe` proposes at once. They may run at the same time. Absent: 1.",
        examples: [2],
      },
      seed: {
        ...seed,
        description: "Seed of the random sample, and of the first settings of `tpe`. Absent: 1.",
        examples: [7],
      },
      repeat: {
        ...valuesByKey,
        description: "Key -> values, usually seeds. Scores are averaged over them.",
        examples: [{ "train.seed": [1, 2, 3] }],
      },
      exclude: {
        type: "array",
        items: { type: "object", minProperties: 1 },
        description: "Combinations to exclude. An entry excludes the runs that have all its values.",
        examples: [[{ "train.rank": 16, "train.method": "dora" }]],
      },
      select: {
        type: "object",
        additionalProperties: false,
        properties: {
          metric: {
            type: "string",
            minLength: 1,
            description: "The metric that ranks the settings. Absent: evaluate.primary.metric.",
            examples: [metrics[0]],
          },
          view: {
            type: "string",
            enum: views,
            description: "The view in which it is computed. Absent: evaluate.primary.view.",
            examples: [views[0]],
          },
        },
        description: "Select the best setting on validation rows. Only the winner is evaluated on test rows.",
        examples: [{ metric: metrics[0], view: views[0] }],
      },
    },
    description: "Makes the file a sweep with one run for each combination of values.",
  };
}
