import { labelKeys } from "../../evaluation/labels/label-keys.ts";
import { column, filePath, seed } from "./scalars.ts";

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
    ...labelKeys,
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
