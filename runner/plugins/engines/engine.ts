/** A generation engine as the front knows it: its part of the schema, and what it cannot do. */
export type Engine = {
  readonly name: string;
  /** JSON Schema of `generate` for this engine; `engine` is its tag. */
  readonly schema: { readonly type: "object"; readonly properties: Readonly<Record<string, unknown>> };
};

/** The keys of `generate` that mean the same to every engine that runs a model. */
export const generationProperties = {
  max_new_tokens: { type: "integer", minimum: 1, default: 128, description: "Longest answer in tokens." },
  temperature: { type: "number", minimum: 0, default: 0, description: "0 is greedy: the same answer every time." },
  top_p: { type: "number", exclusiveMinimum: 0, maximum: 1, description: "Nucleus sampling; needs a temperature." },
  top_k: { type: "integer", minimum: 1, description: "Sample among the k likeliest tokens; needs a temperature." },
  seed: { type: "integer", minimum: 0, maximum: 4294967295, default: 1, description: "Seed of the sampling." },
  constrain: {
    type: "string",
    enum: ["none", "json", "labels"],
    default: "none",
    description: "Hold the answer to JSON, or to the labels of the training rows.",
  },
  vote: {
    type: "object",
    additionalProperties: false,
    required: ["samples"],
    properties: {
      samples: { type: "integer", minimum: 2, description: "Answers that are drawn for a case." },
      min_share: {
        type: "number",
        exclusiveMinimum: 0,
        maximum: 1,
        default: 0.5,
        description: "Share that keeps a label.",
      },
    },
    description: "Keep the labels that most of several sampled answers hold. Absent: one answer.",
  },
} as const;
