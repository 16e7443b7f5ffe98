import { classifiers } from "../../plugins/classical-baselines.ts";
import { seed } from "./scalars.ts";

/** The `prompt` section. */
export const prompt = {
  type: "object",
  additionalProperties: false,
  required: ["template"],
  properties: {
    template: {
      type: "string",
      minLength: 1,
      format: "project-path",
      description:
        "Handlebars template of the prompt. A path below prompts/ is relative to the project root, any other to this YAML file. The report includes README.md of its folder as the rationale of the prompt.",
      examples: ["prompts/diagnosis.hbs"],
    },
    zero_shot: {
      type: "string",
      minLength: 1,
      format: "project-path",
      description:
        "Template for the untrained model. It should describe the task completely, for a fair baseline. Absent: `template`, followed by the labels of the training rows and the form of the answer.",
      examples: ["prompts/zero-shot.hbs"],
    },
    thinking: {
      type: "boolean",
      default: false,
      description: "Let a reasoning model generate its reasoning before the answer.",
      examples: [true],
    },
    system: {
      type: "string",
      enum: ["system", "user"],
      default: "system",
      description:
        "Role of the text in {{#system}}: a message of its own, or the start of the user's message, for a model whose chat template has no system messages.",
      examples: ["user"],
    },
    labels: {
      type: "object",
      additionalProperties: false,
      properties: {
        from: {
          type: "string",
          enum: ["train"],
          default: "train",
          description: "Source of the list.",
          examples: ["train"],
        },
        min_count: {
          type: "integer",
          minimum: 1,
          default: 1,
          description: "Leave out labels with fewer training rows than this.",
          examples: [5],
        },
        order: {
          type: "string",
          enum: ["frequency", "alphabetical"],
          default: "frequency",
          description: "Order of the list.",
          examples: ["alphabetical"],
        },
      },
      description: "List of labels that the template gets as the variable `labels`. Absent: an empty list.",
      examples: [{ min_count: 5 }],
    },
    examples: {
      type: "object",
      additionalProperties: false,
      properties: {
        count: {
          type: "integer",
          minimum: 0,
          maximum: 100,
          default: 0,
          description: "Number of training rows to show.",
          examples: [5],
        },
        select: {
          type: "string",
          enum: ["nearest", "random"],
          default: "nearest",
          description:
            "Rows with the most similar text, or a random sample. The case itself and its duplicates are never shown.",
          examples: ["random"],
        },
        seed: { ...seed, default: 1, description: "Seed of the random sample.", examples: [2] },
      },
      default: {},
      description: "Few-shot examples that the template gets as the variable `examples`.",
      examples: [{ count: 5 }],
    },
    candidates: {
      type: "object",
      additionalProperties: false,
      properties: {
        from: {
          type: "string",
          enum: classifiers,
          default: "linear",
          description:
            "Classical baseline that scores the labels. It need not be among `baselines`. linear is more accurate, and takes ten times as long.",
          examples: ["tfidf_svm"],
        },
        top: {
          type: "integer",
          minimum: 1,
          maximum: 100,
          default: 10,
          description: "Number of labels.",
          examples: [5],
        },
      },
      description:
        "The labels with the highest scores of a classifier, which the template gets as the variable `candidates`; `predicted` has those of them that the classifier predicts. Those of a training row are from a classifier that is fitted without the row. Absent: empty lists.",
      examples: [{ from: "linear", top: 10 }],
    },
  },
  description: "The prompts of the model.",
} as const;
