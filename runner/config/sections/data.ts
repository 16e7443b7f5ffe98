import { column, filePath, seed, view } from "./scalars.ts";

const dataFileProperties = {
  sheet: { type: "string", minLength: 1, description: "Sheet of an .xlsx file. Absent: the first." },
  limit: { type: "integer", minimum: 1, description: "Take a seeded part of so many rows. Absent: all." },
} as const;

const dataFile = {
  type: "object",
  additionalProperties: false,
  required: ["file"],
  properties: {
    file: { ...filePath, description: "A .csv, .tsv, .jsonl or .xlsx file, relative to this YAML." },
    ...dataFileProperties,
    seed: { ...seed, default: 1, description: "Seed of the part that `limit` takes." },
  },
} as const;

/** What `data` says: files, columns, validation, labels. */
export const data = {
  type: "object",
  additionalProperties: false,
  required: ["train", "columns"],
  properties: {
    train: { ...dataFile, description: "Rows to learn from." },
    test: { ...dataFile, description: "Rows that the result is measured on." },
    columns: {
      type: "object",
      additionalProperties: false,
      required: ["input", "target"],
      properties: {
        id: { ...column, description: "Column that names a case. Absent: the row's number." },
        input: { ...column, description: "Column with the text that the model reads." },
        target: { ...column, description: "Column with the right answer." },
      },
      description: "What the columns are called in the files.",
    },
    validation: {
      type: "object",
      additionalProperties: false,
      properties: {
        fraction: {
          type: "number",
          exclusiveMinimum: 0,
          maximum: 0.5,
          description: "Share of the training rows that is kept apart, stratified by label.",
        },
        file: { ...filePath, description: "A file of its own, relative to this YAML." },
        ...dataFileProperties,
        folds: {
          type: "integer",
          minimum: 2,
          maximum: 20,
          description:
            "Cross-validation: a run for each fold, which is kept apart in it; scores are averaged over them.",
        },
        fold: {
          type: "integer",
          minimum: 1,
          maximum: 20,
          description: "The one fold that is kept apart. Absent: each.",
        },
        seed: { ...seed, default: 13, description: "Seed of the split." },
      },
      description: "Rows that choose and stop: one of fraction, file, folds. Absent: none, all rows are trained on.",
    },
    labels: {
      type: "object",
      additionalProperties: false,
      properties: {
        separator: { type: "string", minLength: 1, default: ",", description: "What stands between two labels." },
        synonyms: { ...filePath, description: "YAML file: label -> list of its other names. Relative to this YAML." },
        groups: { ...filePath, description: "YAML file: group -> list of labels. Relative to this YAML." },
      },
      default: {},
      description: "How an answer is read as labels.",
    },
    targets: {
      type: "object",
      additionalProperties: false,
      properties: {
        view: { ...view, default: "raw", description: "Labels as they stand, tidied up, or with synonyms made one." },
        order: {
          type: "string",
          enum: ["as_is", "alphabetical", "frequency"],
          default: "as_is",
          description: "Order of the labels in the answer.",
        },
      },
      default: {},
      description: "What the model is taught to answer.",
    },
    oversample: {
      type: "object",
      additionalProperties: false,
      required: ["rare_below"],
      properties: {
        rare_below: { type: "integer", minimum: 1, description: "A label with fewer training rows is rare." },
        max_repeat: {
          type: "integer",
          minimum: 2,
          default: 4,
          description: "A row is seen at most so often an epoch.",
        },
      },
      description: "Show rows with rare labels more often. Absent: every row once an epoch.",
    },
    accept: {
      type: "array",
      items: { type: "string", minLength: 1 },
      uniqueItems: true,
      default: [],
      description: "Errors of the data audit that the author has seen and accepts, by code.",
    },
  },
  description: "Data files, their columns and labels.",
} as const;
