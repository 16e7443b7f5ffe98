import type { FromSchema } from "json-schema-to-ts";
import { defaultBackend, trainSchemas } from "../plugins/backends/registry.ts";
import { defaultEngine, generateSchemas } from "../plugins/engines/registry.ts";
import { data } from "./sections/data.ts";
import { evaluate } from "./sections/evaluate.ts";
import { model } from "./sections/model.ts";
import { prompt } from "./sections/prompt.ts";
import { report } from "./sections/report.ts";
import { resources } from "./sections/resources.ts";
import type { sweepSchema } from "./sections/sweep.ts";
import { upload } from "./sections/upload.ts";

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
