import type { FromSchema } from "json-schema-to-ts";
import { backends } from "../plugins/backends/registry.ts";
import { engines } from "../plugins/engines/registry.ts";
import { data } from "./sections/data.ts";
import { evaluate } from "./sections/evaluate.ts";
import { model } from "./sections/model.ts";
import { prompt } from "./sections/prompt.ts";
import { report } from "./sections/report.ts";
import { resources } from "./sections/resources.ts";
import { sweepSchema } from "./sections/sweep.ts";
import { upload } from "./sections/upload.ts";

export type { Experiment, Train } from "../plugins/experiment.ts";

/** How a sweep selects its winner on validation rows. */
export type Select = DeepReadonly<FromSchema<typeof sweepSchema.properties.select>>;

/** The parts of JSON Schema that the experiment's schema uses. */
export type Schema = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string };
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  /** Of the schema for editors: which keys a map may have. */
  readonly propertyNames?: object;
};

/** The names of everything registered that the schemas depend on. Schemas for equal names are equal. */
export function registeredNames(): string {
  return registries.map((registry) => registry.names().join(",")).join(";");
}

/**
 * JSON Schema of one experiment, after `extends` and `sweep` are resolved. It is built from the registries, so a registered
 * implementation is valid in an experiment file. Validation, defaults and `exp schema` use it.
 */
export function experimentSchema(): Schema {
  return current().experiment;
}

/** JSON Schema of `sweep`. The paths and values in it are also checked against the experiment's schema. */
export function currentSweepSchema(): Schema {
  return current().sweep;
}

/** The value of a union's tag if no file sets it, by the path of the union. */
export function defaultTags(): Readonly<Record<string, string | undefined>> {
  return { train: backends.names()[0], generate: engines.names()[0] };
}

/** The registries that the schemas are built from. */
const registries = [backends, engines] as const;

let cached: { readonly size: string; readonly experiment: Schema; readonly sweep: Schema } | undefined;

function current() {
  const size = registries.map((registry) => registry.size).join();
  if (cached?.size !== size) cached = { size, experiment: buildExperimentSchema(), sweep: sweepSchema };
  return cached;
}

function buildExperimentSchema(): Schema {
  return {
    type: "object",
    additionalProperties: false,
    required: ["name", "data", "model", "prompt"],
    properties: {
      name: {
        type: "string",
        maxLength: 100,
        pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description:
          "Name of the experiment and of its folder in artifacts/runs: letters, digits, dots, dashes and underscores.",
        examples: ["lora-r16"],
      },
      description: {
        type: "string",
        default: "",
        description: "One line that tables and reports show.",
        examples: ["LoRA, rank 16"],
      },
      task: {
        type: "string",
        enum: ["label_set", "single_label"],
        default: "label_set",
        description:
          "What the study predicts: a set of labels, or exactly one label. It selects the answer parser and the metrics.",
        examples: ["single_label"],
      },
      data,
      model,
      prompt,
      train: {
        type: "object",
        discriminator: { propertyName: "backend" },
        required: ["backend"],
        oneOf: [...backends].map(({ schema }) => schema as Schema),
        description: "Fine-tuning. Absent: only the untrained model is evaluated, zero-shot or few-shot.",
      },
      generate: {
        type: "object",
        discriminator: { propertyName: "engine" },
        required: ["engine"],
        oneOf: [...engines].map(({ schema }) => schema as Schema),
        default: {},
        description: "How answers are generated.",
      },
      evaluate,
      compare: {
        type: "array",
        items: { type: "string", minLength: 1, format: "experiment-path" },
        uniqueItems: true,
        default: [],
        description: "Other experiments to compare with: names of YAML files in the same folder.",
        examples: [["zero-shot", "lora-r8"]],
      },
      baselines: {
        type: "array",
        items: { type: "string", enum: ["tfidf_svm", "most_frequent", "nearest", "ensemble"] },
        uniqueItems: true,
        default: ["tfidf_svm"],
        description:
          "Classical baselines, trained and evaluated on the same rows. ensemble combines the model with tfidf_svm, with a weight chosen on validation rows.",
        examples: [["most_frequent", "tfidf_svm"]],
      },
      report,
      upload,
      resources,
    },
  } as Schema;
}

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;
