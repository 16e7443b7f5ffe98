import { repository, repositoryOrName } from "../../hub/names.ts";
import { column, dataPaths, seed } from "./scalars.ts";

const dataFileProperties = {
  sheet: {
    type: "string",
    minLength: 1,
    description: "Sheet of an .xlsx file. Absent: the first one.",
    examples: ["Cases"],
  },
  header_row: {
    type: "integer",
    minimum: 1,
    maximum: 1_048_576,
    description:
      "Row of the sheet of an .xlsx file that has the column names. Rows above it are ignored. Absent: the first row with a value.",
    examples: [3],
  },
  limit: {
    type: "integer",
    minimum: 1,
    description: "Use a random sample of this number of rows. Absent: all rows.",
    examples: [500],
  },
} as const;

/** A data set of the hub in place of a file. */
const hubProperties = {
  hub: {
    type: "string",
    pattern: repositoryOrName,
    description:
      "A data set of the Hugging Face hub, in place of file. A step fetches its files into the cache of the Hugging Face libraries.",
    examples: ["owner/name"],
  },
  revision: {
    type: "string",
    minLength: 1,
    description: "Commit of the data set, 40 hexadecimal digits. `exp pin FILE` writes it.",
    examples: ["9c925d64d72725edaf899c6cb9c377fd0709d9c5"],
  },
  config: {
    type: "string",
    minLength: 1,
    description:
      "Configuration (subset) of the data set. Absent: the only one, or the one that its README makes the default.",
    examples: ["plain_text"],
  },
  split: {
    type: "string",
    minLength: 1,
    description: "Split of the data set. Absent: train, validation or test, as the key of the part.",
    examples: ["train"],
  },
  files: {
    anyOf: [
      { type: "string", minLength: 1 },
      { type: "array", minItems: 1, uniqueItems: true, items: { type: "string", minLength: 1 } },
    ],
    description: "Paths or globs in the repository of the data set, in place of config and split.",
    examples: ["data/train-*.parquet"],
  },
} as const;

const dataFile = {
  type: "object",
  additionalProperties: false,
  required: [],
  properties: {
    file: {
      ...dataPaths,
      description:
        "A .csv, .tsv, .jsonl, .json, .parquet or .xlsx file, or a text file with .gz, relative to this YAML file. A name with `*`, `?` or `**` names all files that it matches, in the order of their names. A list names several. All have the same columns.",
      examples: ["data/train.csv", "data/part-*.parquet", ["data/2024.csv", "data/2025.csv"]],
    },
    ...hubProperties,
    ...dataFileProperties,
    seed: { ...seed, default: 1, description: "Seed of the sample that `limit` draws.", examples: [2] },
  },
} as const;

/** What the authors state about the data. No step reads it: it is part of no cache key. */
const origin = {
  type: "object",
  additionalProperties: false,
  required: ["kind"],
  properties: {
    kind: {
      type: "string",
      enum: ["synthetic", "public", "private"],
      description: "synthetic: no row is about a person. public: others can get the data. private: neither.",
      examples: ["synthetic"],
    },
    source: {
      type: "string",
      minLength: 1,
      description: "Where the data come from, in one or two sentences, for the model card and the checklist.",
      examples: ["Sentences that a script composes from templates with a seed."],
    },
    link: {
      type: "string",
      pattern: '^https?://[^\\s<>"()]+$',
      description: "Web address of the data. exp does not open it.",
      examples: ["https://example.org/data"],
    },
    dataset: {
      type: "string",
      pattern: repository,
      description: "The data on the Hugging Face Hub, owner/name: the field `datasets` of the model card.",
      examples: ["my-lab/kidney-reports"],
    },
    license: {
      type: "string",
      minLength: 1,
      description: "Licence of the data, such as cc-by-4.0.",
      examples: ["cc-by-4.0"],
    },
    publish: {
      type: "boolean",
      description:
        "The rows may be published. A model card then shows one test case, and a study package has the data files. Absent: no row is published.",
      examples: [true],
    },
  },
} as const;

/** Keys of `data` that every task has and that follow those of the task. */
export const lastKeys = {
  oversample: {
    type: "object",
    additionalProperties: false,
    required: ["rare_below"],
    properties: {
      by: {
        ...column,
        description:
          "Column of the training file whose values are the groups of the rows. A row without a value is not repeated. Absent: the labels of a row are its groups, for a task with labels.",
        examples: ["site"],
      },
      rare_below: {
        type: "integer",
        minimum: 1,
        description: "A label, or a value of the column, with fewer training rows than this is rare.",
        examples: [10],
      },
      max_repeat: {
        type: "integer",
        minimum: 2,
        default: 4,
        description: "Maximum number of repetitions of a row in an epoch.",
        examples: [3],
      },
    },
    description:
      "Repeat training rows with rare labels, or with rare values of a column, until each has rare_below rows. Absent: every row once in an epoch.",
    examples: [{ rare_below: 10 }, { by: "site", rare_below: 50 }],
  },
  origin: {
    ...origin,
    description: "Origin of the data, for the model card, the checklist and the study package. Absent: not stated.",
    examples: [{ kind: "synthetic", publish: true }],
  },
  accept: {
    type: "array",
    items: { type: "string", minLength: 1 },
    uniqueItems: true,
    default: [],
    description: "Codes of data audit errors that do not stop a run.",
    examples: [["near-leak"]],
  },
} as const;

/** The keys of `data` that every task has: files, columns, validation. */
export const data = {
  type: "object",
  additionalProperties: false,
  required: ["train"],
  properties: {
    train: {
      ...dataFile,
      description: "Training rows. Set one of file and hub.",
      examples: [{ file: "data/train.csv" }],
    },
    test: {
      ...dataFile,
      properties: {
        ...dataFile.properties,
        fraction: {
          type: "number",
          exclusiveMinimum: 0,
          maximum: 0.9,
          description:
            "Share of the rows of `data.train` that is held out as test rows, stratified by label, before `data.train.limit` applies.",
          examples: [0.2],
        },
        seed: {
          ...seed,
          default: 1,
          description: "Seed of the split of `fraction`, and of the sample that `limit` draws.",
          examples: [2],
        },
      },
      description: "Test rows. Results are measured on them. Set one of file, hub and fraction.",
      examples: [{ file: "data/test.csv" }, { fraction: 0.2, seed: 1 }],
    },
    format: {
      enum: ["table", "alpaca", "chat"],
      default: "table",
      description:
        "What a row is. table: cells with an input and a target. alpaca: instruction, input and output, with system and history if the file has them. chat: a list of messages in the column messages or conversations; the last one is the target, unless columns.target names a column with it.",
      examples: ["chat"],
    },
    columns: {
      type: "object",
      additionalProperties: false,
      default: {},
      properties: {
        id: {
          ...column,
          description: "Column with the name of a case. Absent: the row number is the name.",
          examples: ["case_id"],
        },
        input: {
          ...column,
          description:
            "Column with the text that the model reads. `output.text` is the key text in the JSON of the column output. Set one of input and inputs, unless data.format has the columns.",
          examples: ["finding"],
        },
        inputs: {
          type: "object",
          additionalProperties: column,
          propertyNames: {
            pattern:
              "^(?!(?:input|inputs|labels|examples|target|this|each|with|if|unless|lookup|system|user)$)[A-Za-z_][A-Za-z0-9_]*$",
          },
          minProperties: 1,
          description:
            "Several columns that the model reads, by the name that templates use: `{{title}}`. `{{input}}` is all of them in the order of their names, with an empty line between two.",
          examples: [{ title: "headline", body: "text" }],
        },
        target: {
          ...column,
          description:
            "Column with the target. It may be a key in JSON, as in input. Set one of target and targets, unless data.format has the column.",
          examples: ["diagnosis"],
        },
        targets: {
          type: "object",
          additionalProperties: column,
          propertyNames: { pattern: "^(?!__proto__$)[\\s\\S]+$" },
          minProperties: 1,
          description:
            "Several columns that make one target of task: json, by the names of its properties. A cell has the type that the schema states; an empty cell is null if the schema allows it.",
          examples: [{ machine: "device", cost: "price" }],
        },
        group: {
          ...column,
          description:
            "Column with what several cases have in common: a patient, site or document. Splits and folds keep a group together; intervals and tests treat it as one unit. Absent: cases are independent.",
          examples: ["patient_id"],
        },
      },
      description: "Names of the columns in the data files.",
      examples: [{ input: "finding", target: "diagnosis" }],
    },
    validation: {
      type: "object",
      additionalProperties: false,
      properties: {
        fraction: {
          type: "number",
          exclusiveMinimum: 0,
          maximum: 0.5,
          description:
            "Share of the training rows that is held out, stratified by label. Near-duplicates stay together.",
          examples: [0.1],
        },
        file: {
          ...dataPaths,
          description: "Files of validation rows, named as in data.train.",
          examples: ["data/validation.csv"],
        },
        ...hubProperties,
        ...dataFileProperties,
        folds: {
          type: "integer",
          minimum: 2,
          maximum: 20,
          description: "Cross-validation: one run for each fold, with that fold held out. Scores are averaged.",
          examples: [5],
        },
        fold: {
          type: "integer",
          minimum: 1,
          maximum: 20,
          description: "Hold out this fold only. Absent: one run for each fold.",
          examples: [1],
        },
        seed: { ...seed, default: 13, description: "Seed of the split.", examples: [1] },
      },
      description:
        "Rows that are held out for checkpoint and hyper-parameter selection. Set one of fraction, file, hub and folds. Absent: train on all rows.",
      examples: [{ fraction: 0.1 }],
    },
  },
  description: "Data files, their columns, and how targets are read.",
} as const;

/** The `data` section with the keys of tasks. */
export function dataSection(taskKeys: Readonly<Record<string, object>>) {
  return { ...data, properties: { ...data.properties, ...taskKeys, ...lastKeys } };
}
