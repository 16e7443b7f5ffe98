import type { FromSchema } from "json-schema-to-ts";
import { defaultBackend, trainSchemas } from "../backends/index.ts";
import { defaultEngine, generateSchemas } from "../engines/index.ts";

/** Metrics by their names in files, tables and JSON; averaging as scikit-learn's. */
export const metricNames = [
  "micro_f1",
  "macro_f1",
  "samples_f1",
  "weighted_f1",
  "micro_precision",
  "micro_recall",
  "macro_precision",
  "macro_recall",
  "weighted_precision",
  "weighted_recall",
  "samples_precision",
  "samples_recall",
  "exact_match",
  "hamming_loss",
  "jaccard_micro",
  "jaccard_macro",
  "jaccard_samples",
  "macro_f1_gold",
] as const;

const view = { type: "string", enum: ["raw", "basic", "canonical"] } as const;
const seed = { type: "integer", minimum: 0, maximum: 4294967295 } as const;
const filePath = { type: "string", minLength: 1, format: "file-path" } as const;
const column = { type: "string", minLength: 1 } as const;

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

const data = {
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

const model = {
  type: "object",
  additionalProperties: false,
  required: ["base"],
  properties: {
    base: {
      type: "string",
      minLength: 1,
      format: "model-path",
      description: "Hub id (Qwen/Qwen3-8B), local folder (./models/mine), or a bundled name (smollm2-135m).",
    },
    revision: {
      type: "string",
      minLength: 1,
      description: "Commit of a hub model, 40 hex digits: a branch can move. `exp pin FILE` writes it.",
    },
    size: {
      type: "string",
      pattern: "^[0-9]+(\\.[0-9]+)?[MB]$",
      description: "Parameters, such as 8B or 135M: checked against the model.",
    },
  },
  description: "The base model.",
} as const;

const prompt = {
  type: "object",
  additionalProperties: false,
  required: ["template"],
  properties: {
    template: {
      type: "string",
      minLength: 1,
      format: "project-path",
      description: "Handlebars template. prompts/… is relative to the project root, anything else to this YAML.",
    },
    zero_shot: {
      type: "string",
      minLength: 1,
      format: "project-path",
      default: "prompts/zero-shot.hbs",
      description: "Template of the untrained model, so that the baseline is as good as a prompt can make it.",
    },
    thinking: { type: "boolean", default: false, description: "Let a model that can think do so before it answers." },
    labels: {
      type: "object",
      additionalProperties: false,
      properties: {
        from: { type: "string", enum: ["train"], default: "train", description: "Where the list comes from." },
        min_count: { type: "integer", minimum: 1, default: 1, description: "Leave out labels with fewer rows." },
        order: {
          type: "string",
          enum: ["frequency", "alphabetical"],
          default: "frequency",
          description: "Order of the list.",
        },
      },
      description: "Labels offered to the template as `labels`. Absent: none.",
    },
    examples: {
      type: "object",
      additionalProperties: false,
      properties: {
        count: { type: "integer", minimum: 0, maximum: 100, default: 0, description: "Training rows shown." },
        select: {
          type: "string",
          enum: ["nearest", "random"],
          default: "nearest",
          description: "Those most like the case, or drawn by the seed. Never the case itself or its duplicate.",
        },
        seed: { ...seed, default: 1, description: "Seed of the draw." },
      },
      default: {},
      description: "Few-shot examples offered to the template as `examples`.",
    },
  },
  description: "What the model is told.",
} as const;

const evaluate = {
  type: "object",
  additionalProperties: false,
  properties: {
    on: { type: "string", enum: ["test", "validation"], default: "test", description: "Rows that are scored." },
    metrics: {
      type: "array",
      minItems: 1,
      uniqueItems: true,
      items: { type: "string", enum: metricNames },
      default: ["micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"],
      description: "Metrics that tables show; all are computed.",
    },
    primary: {
      type: "object",
      additionalProperties: false,
      properties: {
        metric: { type: "string", enum: metricNames, default: "micro_f1", description: "The metric that decides." },
        view: { ...view, default: "canonical", description: "The label view that it is taken in." },
      },
      default: {},
      description: "The one number named beforehand.",
    },
    bootstrap: {
      type: "object",
      additionalProperties: false,
      properties: {
        samples: { type: "integer", minimum: 100, default: 10000, description: "Samples over cases." },
        seed: { ...seed, default: 1, description: "Seed of the draw." },
      },
      default: {},
      description: "Confidence intervals.",
    },
  },
  default: {},
  description: "What is measured, and on which rows.",
} as const;

const report = {
  type: "object",
  additionalProperties: false,
  properties: {
    pdf: { type: "boolean", default: true, description: "Write a PDF report." },
    html: { type: "boolean", default: true, description: "Write an HTML report." },
    xlsx: { type: "boolean", default: true, description: "Write an Excel workbook." },
    notes: { ...filePath, description: "Markdown with what a person must write. Relative to this YAML." },
  },
  default: {},
  description: "What is written for people.",
} as const;

const repository = "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$";

const upload = {
  type: "object",
  additionalProperties: false,
  required: ["repo"],
  properties: {
    repo: {
      type: "string",
      pattern: repository,
      description: "Repository on the Hugging Face hub, owner/name.",
    },
    private: { type: "boolean", default: true, description: "Only the owner sees it." },
    content: { type: "string", enum: ["adapter", "merged"], default: "adapter", description: "What is uploaded." },
    base_license: { type: "string", minLength: 1, description: "Licence of the base model, such as apache-2.0." },
    license: { type: "string", minLength: 1, description: "Licence of what is uploaded. Absent: that of the base." },
    base_model: {
      type: "string",
      pattern: repository,
      description: "Hub id of the base, owner/name, where model.base is a copy of it: a folder or a bundled model.",
    },
    predictions: {
      type: "string",
      pattern: repository,
      description: "Dataset repository for every arm's answers, without the texts they answer. Absent: they stay here.",
    },
  },
  description: "Publish the model. Absent: nothing leaves this machine.",
} as const;

const bytes = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)$" } as const;

const duration = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?[smhd]$" } as const;

const resources = {
  type: "object",
  additionalProperties: false,
  properties: {
    gpus: {
      type: "integer",
      minimum: 0,
      description: "GPUs of a step that trains or generates. Absent: one if there.",
    },
    gpu_memory: { ...bytes, description: "Memory that a GPU must have, such as 24GB." },
    memory: { ...bytes, description: "Main memory that a step may take, such as 32GB." },
    time: { ...duration, description: "Longest a step may take, such as 4h." },
    price_per_hour: { type: "number", minimum: 0, description: "Price of the machine an hour, for the cost table." },
    executor: {
      type: "string",
      enum: ["local", "slurm"],
      default: "local",
      description: "Where steps run; --executor overrides it. In no key.",
    },
    slurm: {
      type: "object",
      additionalProperties: false,
      properties: {
        partition: { type: "string", minLength: 1, description: "Partition." },
        account: { type: "string", minLength: 1, description: "Account that is charged." },
        qos: { type: "string", minLength: 1, description: "Quality of service." },
        nodes: {
          type: "integer",
          minimum: 1,
          default: 1,
          description: "Nodes that train together; resources.gpus is what each of them has. In no key.",
        },
        gres: { type: "string", minLength: 1, description: "Generic resources, such as gpu:a100:1." },
        setup: { type: "array", items: { type: "string" }, default: [], description: "Shell lines before exp." },
        extra: { type: "array", items: { type: "string" }, default: [], description: "Further flags of sbatch." },
        time: { ...duration, description: "Longest a job may take, such as 8h. Absent: resources.time." },
        max_jobs: { type: "integer", minimum: 1, description: "Jobs of a sweep that run at once, at most." },
      },
      description: "How Slurm is asked.",
    },
  },
  default: {},
  description: "What the steps need and where they run.",
} as const;

/** JSON Schema of one experiment: after `extends` and `sweep` are worked in. Types, validation and defaults come from it. */
export const experimentSchema = {
  type: "object",
  additionalProperties: false,
  required: ["name", "data", "model", "prompt"],
  properties: {
    name: {
      type: "string",
      maxLength: 100,
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$",
      description: "Name of the experiment and of its folder: letters, digits, dots, dashes and underscores.",
    },
    description: { type: "string", default: "", description: "One line for tables and reports." },
    task: {
      type: "string",
      enum: ["label_set", "single_label"],
      default: "label_set",
      description: "Shape of an answer: a set of labels, or exactly one. Brings the parser and the metrics.",
    },
    data,
    model,
    prompt,
    train: {
      type: "object",
      discriminator: { propertyName: "backend" },
      required: ["backend"],
      oneOf: trainSchemas,
      description: "Fine-tuning. Absent: the untrained model alone, zero-shot or few-shot.",
    },
    generate: {
      type: "object",
      discriminator: { propertyName: "engine" },
      required: ["engine"],
      oneOf: generateSchemas,
      default: {},
      description: "How answers are generated.",
    },
    evaluate,
    compare: {
      type: "array",
      items: { type: "string", minLength: 1, format: "experiment-path" },
      uniqueItems: true,
      default: [],
      description: "Other experiments to stand beside this one: names of YAML files in the same folder.",
    },
    baselines: {
      type: "array",
      items: { type: "string", enum: ["tfidf_svm", "most_frequent", "nearest", "ensemble"] },
      uniqueItems: true,
      default: ["tfidf_svm"],
      description:
        "Classical baselines on the same rows; ensemble puts the model and tfidf_svm together as validation rows advise.",
    },
    report,
    upload,
    resources,
  },
} as const;

/** Tags of the unions that may be left out, by the path of the union. */
export const defaultTags: Readonly<Record<string, string>> = { train: defaultBackend, generate: defaultEngine };

const gridSchema = {
  type: "object",
  minProperties: 1,
  additionalProperties: { type: "array", minItems: 1 },
} as const;

/** JSON Schema of `sweep`. Its paths and values are checked against the experiment's schema besides. */
export const sweepSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    grid: { ...gridSchema, description: "Key -> values; every combination is a run." },
    zip: { ...gridSchema, description: "Key -> values; the first of each go together, then the second, …" },
    strategy: {
      type: "string",
      enum: ["grid", "random", "halving"],
      description:
        "All settings, or a seeded draw of `samples` among them; or successive halving over either: all are trained for few epochs, and the best of them on validation for more. Absent: grid.",
    },
    samples: {
      type: "integer",
      minimum: 1,
      description: "How many settings are drawn, at random or to be halved; each has all repeats.",
    },
    eta: {
      type: "integer",
      minimum: 2,
      description: "Of a sweep by halving: one setting in so many goes on, to so many times the epochs. Absent: 2.",
    },
    min_epochs: {
      type: "integer",
      minimum: 1,
      description: "Of a sweep by halving: the fewest epochs after which settings are compared. Absent: 1.",
    },
    seed: { ...seed, description: "Seed of the draw. Absent: 1." },
    repeat: { ...gridSchema, description: "Key -> values, usually seeds: averaged over, not selected among." },
    exclude: {
      type: "array",
      items: { type: "object", minProperties: 1 },
      description: "Combinations to leave out: a run that agrees with all keys of an entry.",
    },
    select: {
      type: "object",
      additionalProperties: false,
      properties: {
        metric: { type: "string", enum: metricNames, default: "micro_f1", description: "What the winner is best in." },
        view: { ...view, default: "canonical", description: "The label view that it is taken in." },
      },
      description: "Choose a winner on validation; only it is scored on test.",
    },
  },
  description: "Makes this file a sweep: one run for each point.",
} as const;

/** How a sweep chooses its winner, on validation. */
export type Select = DeepReadonly<FromSchema<typeof sweepSchema.properties.select>>;

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

type Written = FromSchema<typeof experimentSchema>;
type WrittenTrain = NonNullable<Written["train"]>;
type Resolved<T> = T extends unknown
  ? Omit<T, "alpha" | "alpha_ratio" | "overrides"> & { alpha: number; overrides: { [key: string]: Override } }
  : never;

/** A value of `train.overrides`: the backend's business. */
type Override = null | boolean | number | string | readonly (null | boolean | number | string)[];

/** `train`, defaulted: alpha is worked out, overrides are dotted. */
export type Train = DeepReadonly<Resolved<WrittenTrain>>;

/** One run as it was asked for: frozen, every default filled in, every path absolute. One for each point of a sweep. */
export type Experiment = DeepReadonly<Omit<Written, "train">> & { readonly train?: Train };
