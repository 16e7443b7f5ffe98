import { views } from "../../data/labels/views.ts";

const filePath = { type: "string", minLength: 1, format: "file-path" } as const;

/** Keys that label tasks add to the section `data`. */
export const labelKeys = {
  labels: {
    type: "object",
    additionalProperties: false,
    properties: {
      separator: {
        type: "string",
        minLength: 1,
        default: ",",
        description: "Separator between two labels in an answer.",
        examples: [";"],
      },
      synonyms: {
        ...filePath,
        description: "YAML file that maps a label to the list of its synonyms, relative to this YAML file.",
        examples: ["labels/synonyms.yaml"],
      },
      groups: {
        ...filePath,
        description: "YAML file that maps a group to the list of its labels, relative to this YAML file.",
        examples: ["labels/groups.yaml"],
      },
      lexicon: {
        ...filePath,
        description:
          "YAML file of phrases by which texts negate, date and hedge labels, relative to this YAML file. The error analysis reads it. Absent: English phrases.",
        examples: ["labels/lexicon.yaml"],
      },
      min_cases: {
        type: "integer",
        minimum: 2,
        default: 5,
        description: "Number of gold cases that a label needs to be part of macro_f1_min5.",
        examples: [10],
      },
      soft_distance: {
        type: "number",
        minimum: 0,
        maximum: 0.5,
        default: 0.2,
        description:
          "Largest edit distance of two labels that soft_f1 credits, as a share of the characters of the longer one.",
        examples: [0.1],
      },
    },
    default: {},
    description: "How an answer is read as labels, and how labels are scored.",
    examples: [{ separator: ";" }],
  },
  targets: {
    type: "object",
    additionalProperties: false,
    properties: {
      view: {
        type: "string",
        enum: views,
        default: "raw",
        description:
          "Label view of the training targets: raw (as written), basic (normalised case and white space) or canonical (synonyms merged).",
        examples: ["canonical"],
      },
      order: {
        type: "string",
        enum: ["as_is", "alphabetical", "frequency"],
        default: "as_is",
        description: "Order of the labels in a training target.",
        examples: ["frequency"],
      },
    },
    default: {},
    description: "What the model is trained to answer.",
    examples: [{ view: "canonical", order: "frequency" }],
  },
} as const;
