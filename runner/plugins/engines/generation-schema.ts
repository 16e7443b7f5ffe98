/**
 * The keys of `generate` that mean the same to every engine that prompts a model. An engine's schema adds `engine` and
 * its own.
 */
export const generationProperties = {
  max_new_tokens: {
    type: "integer",
    minimum: 1,
    default: 128,
    description: "Maximum number of tokens of an answer.",
    examples: [256],
  },
  temperature: {
    type: "number",
    minimum: 0,
    default: 0,
    description: "Sampling temperature. 0 selects the most likely token each time (greedy decoding).",
    examples: [0.7],
  },
  top_p: {
    type: "number",
    exclusiveMinimum: 0,
    maximum: 1,
    description:
      "Nucleus sampling: sample among the most likely tokens of this total probability. Needs a temperature.",
    examples: [0.9],
  },
  top_k: {
    type: "integer",
    minimum: 1,
    description: "Sample among the k most likely tokens. Needs a temperature.",
    examples: [20],
  },
  seed: {
    type: "integer",
    minimum: 0,
    maximum: 4294967295,
    default: 1,
    description: "Seed of the sampling.",
    examples: [2],
  },
  constrain: {
    type: "string",
    enum: ["none", "json", "labels", "schema"],
    default: "none",
    description:
      "Constrained decoding: force the answer to be a list of labels in JSON, to consist of labels of the training rows, or to be an object of the study's JSON Schema (task: json).",
    examples: ["labels"],
  },
  vote: {
    type: "object",
    additionalProperties: false,
    required: ["samples"],
    properties: {
      samples: { type: "integer", minimum: 2, description: "Number of answers sampled for each case.", examples: [5] },
      min_share: {
        type: "number",
        exclusiveMinimum: 0,
        maximum: 1,
        default: 0.5,
        description: "Share of the sampled answers that must contain a label to keep it.",
        examples: [0.6],
      },
    },
    description:
      "Sample several answers for each case and keep the labels that most of them contain. Absent: one answer.",
    examples: [{ samples: 5 }],
  },
} as const;

/**
 * The keys of `generate` about scores of labels. Every engine that prompts a model has them; only one with
 * `scoresLabels` accepts them.
 */
export const scoreProperties = {
  scores: {
    type: "string",
    enum: ["none", "labels"],
    default: "none",
    description:
      "Scores of labels: for each label of the training rows, the model's probability that it belongs to the answer. They are written as margins, like a classifier's. Engine transformers only.",
    examples: ["labels"],
  },
  decision: {
    type: "string",
    enum: ["answer", "threshold"],
    default: "answer",
    description:
      "What the prediction is: the labels of the answer, or the labels whose score is above a threshold that validation rows choose. Rare and frequent labels have thresholds of their own if cross-validation on these rows shows a gain. Needs scores: labels.",
    examples: ["threshold"],
  },
} as const;
