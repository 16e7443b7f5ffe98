import { views } from "../../data/labels/views.ts";

const filePath = { type: "string", minLength: 1, format: "file-path" } as const;

/** Keys that label tasks add to the section `data`. */
export const labelKeys = {
  labels: {
    type: "object",
    additionalProperties: false,
    properties: {
      separator: { type: "string", minLength: 1, default: ",", description: "The text between two labels." },
      synonyms: { ...filePath, description: "YAML file: label -> list of synonyms. Relative to this file." },
      groups: { ...filePath, description: "YAML file: group -> list of labels. Relative to this file." },
    },
    default: {},
    description: "How target cells and answers are read as labels.",
  },
  targets: {
    type: "object",
    additionalProperties: false,
    properties: {
      view: {
        type: "string",
        enum: views,
        default: "raw",
        description: "Form of the labels: as written, normalised, or with synonyms replaced.",
      },
      order: {
        type: "string",
        enum: ["as_is", "alphabetical", "frequency"],
        default: "as_is",
        description: "Order of the labels in the answer.",
      },
    },
    default: {},
    description: "How the labels of a row become the text that the model is taught.",
  },
  oversample: {
    type: "object",
    additionalProperties: false,
    required: ["rare_below"],
    properties: {
      rare_below: { type: "integer", minimum: 1, description: "A label with fewer training rows than this is rare." },
      max_repeat: {
        type: "integer",
        minimum: 2,
        default: 4,
        description: "A row occurs at most this many times an epoch.",
      },
    },
    description: "Repeat training rows with rare labels. Absent: each row occurs once an epoch.",
  },
} as const;
