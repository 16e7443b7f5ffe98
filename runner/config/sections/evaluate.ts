import type { Engine } from "../../plugins/engines/engine.ts";
import type { Task } from "../../plugins/tasks/task.ts";
import { model } from "./model.ts";
import { filePath, seed } from "./scalars.ts";

/** The values of `evaluate` that depend on tasks: those that are valid for any task, and the defaults of one. */
export type EvaluateChoices = {
  readonly metrics: readonly string[];
  readonly views: readonly string[];
  readonly defaults: Task["defaults"];
  /** Engines that can ask a judge. */
  readonly judges: readonly Engine[];
  /** Every task, for the defaults of the others in descriptions. */
  readonly tasks: Iterable<Task>;
};

/** An entry of `evaluate.metrics` for a metric of the study. */
const ownMetric = {
  type: "object",
  additionalProperties: false,
  required: ["name", "file"],
  properties: {
    name: {
      type: "string",
      maxLength: 60,
      pattern: "^[a-z][a-z0-9_]*$",
      description: "The name in tables and in `primary`: small letters, digits and underscores.",
      examples: ["severe_recall"],
    },
    file: {
      ...filePath,
      description: "Python (.py), JavaScript (.mjs) or TypeScript (.ts) file with the functions contribute and value.",
      examples: ["../metrics/severe.py"],
    },
    definition: {
      type: "string",
      minLength: 1,
      maxLength: 300,
      description: "One line that reports show.",
      examples: ["Share of severe findings that are predicted"],
    },
    higher_is_better: {
      type: "boolean",
      default: true,
      description: "Whether a greater value is better.",
      examples: [false],
    },
    range: {
      type: "array",
      minItems: 2,
      maxItems: 2,
      items: { type: "number" },
      description:
        "Least and greatest value. Intervals stay inside, and a value outside is an error. Absent: unlimited.",
      examples: [[0, 1]],
    },
    timeout: {
      type: "number",
      exclusiveMinimum: 0,
      maximum: 3600,
      default: 10,
      description: "Seconds that one call of a function may take.",
      examples: [60],
    },
    memory: {
      type: "string",
      pattern: "^[0-9]+(\\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)$",
      default: "2GB",
      description: "The memory that the process of the metric may use.",
      examples: ["8GB"],
    },
  },
} as const;

type Required = {
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, { readonly const?: string; readonly examples?: readonly unknown[] }>>;
};

/** The required keys of an engine with their examples. */
const requiredExample = ({ required = [], properties }: Required): object =>
  Object.fromEntries(required.map((key) => [key, properties[key]?.const ?? properties[key]?.examples?.[0]]));

/** The `evaluate` section. */
export function evaluateSection({ metrics, views, defaults, tasks, judges }: EvaluateChoices) {
  const unlike = (valueIn: (defaults: Task["defaults"]) => string): string =>
    [...tasks]
      .filter((task) => valueIn(task.defaults) !== valueIn(defaults))
      .map((task) => ` Default of ${task.name}: ${valueIn(task.defaults)}.`)
      .join("");
  const secondMetric = defaults.metrics.at(1) ?? defaults.primary.metric;
  const judgeExample = judges.slice(0, 1).map(({ schema }) => requiredExample(schema as Required))[0] ?? {};
  return {
    type: "object",
    additionalProperties: false,
    properties: {
      split: {
        type: "string",
        enum: ["test", "validation"],
        default: "test",
        description: "Rows that are evaluated.",
        examples: ["validation"],
      },
      metrics: {
        type: "array",
        minItems: 1,
        uniqueItems: true,
        items: { anyOf: [{ type: "string", enum: metrics }, ownMetric] },
        default: defaults.metrics,
        description: `Metrics that tables show with intervals: names of metrics of the task, and metrics of the study (name, file). All metrics of the task are computed.${unlike((own) => own.metrics.join(", "))}`,
        examples: [
          defaults.metrics.slice(0, 2),
          [defaults.primary.metric, { name: "severe_recall", file: "../metrics/severe.py" }],
        ],
      },
      primary: {
        type: "object",
        additionalProperties: false,
        properties: {
          metric: {
            type: "string",
            minLength: 1,
            default: defaults.primary.metric,
            description: `The metric that tests and selections use.${unlike(({ primary }) => primary.metric)}`,
            examples: [secondMetric],
          },
          view: {
            type: "string",
            enum: views,
            default: defaults.primary.view,
            description: `The view in which it is computed.${unlike(({ primary }) => primary.view)}`,
            examples: [views.at(1) ?? views[0]],
          },
        },
        default: {},
        description: "The primary metric of the study, chosen before the results are known.",
        examples: [{ metric: secondMetric }],
      },
      judge: {
        type: "object",
        additionalProperties: false,
        required: ["rubric", "scale", "generate"],
        properties: {
          rubric: {
            ...filePath,
            description:
              "Template of the question to the judge, with the variables input, reference and answer. It asks for a score as its last word.",
            examples: ["../prompts/rubric.hbs"],
          },
          scale: {
            type: "array",
            minItems: 2,
            maxItems: 2,
            items: { type: "integer" },
            description: "Least and greatest score. Scores are whole numbers.",
            examples: [[1, 5]],
          },
          generate: {
            type: "object",
            discriminator: { propertyName: "engine" },
            required: ["engine"],
            oneOf: judges.map(({ schema }) => schema as object),
            description: "The server and the model of the judge.",
            examples: [judgeExample],
          },
          ratings: {
            ...filePath,
            description:
              'Answers that people rated: a .jsonl file with one {"input", "reference", "answer", "score"} object a line. The judge scores them too, and its agreement with people is reported.',
            examples: ["data/ratings.jsonl"],
          },
        },
        description:
          "A language model that scores the answers by a rubric, as the metric judge_score. For tasks with texts.",
        examples: [{ rubric: "../prompts/rubric.hbs", scale: [1, 5], generate: judgeExample }],
      },
      embedding: {
        type: "object",
        additionalProperties: false,
        required: ["base"],
        properties: {
          base: {
            ...model.properties.base,
            description: "Hub id, local folder or bundled name of the embedding model, as in model.base.",
            examples: ["sentence-transformers/all-MiniLM-L6-v2"],
          },
          revision: model.properties.revision,
        },
        description:
          "A local model that compares each answer with its target, as the metric embedding_score: the cosine of the means of its last hidden states. For tasks with texts.",
        examples: [
          {
            base: "sentence-transformers/all-MiniLM-L6-v2",
            revision: "9c925d64d72725edaf899c6cb9c377fd0709d9c5",
          },
        ],
      },
      bootstrap: {
        type: "object",
        additionalProperties: false,
        properties: {
          resamples: {
            type: "integer",
            minimum: 100,
            maximum: 100000,
            default: 10000,
            description: "Number of bootstrap resamples of the cases.",
            examples: [2000],
          },
          seed: { ...seed, default: 1, description: "Seed of the resampling.", examples: [2] },
        },
        default: {},
        description: "Confidence intervals.",
        examples: [{ resamples: 2000 }],
      },
      non_inferiority: {
        type: "object",
        additionalProperties: false,
        required: ["reference", "margin"],
        properties: {
          reference: {
            type: "string",
            minLength: 1,
            description: "The arm that the others are compared with: a baseline, or an arm of a compared experiment.",
            examples: ["zero_shot"],
          },
          margin: {
            type: "number",
            minimum: 0,
            maximum: 1,
            description: "The largest loss in the primary metric that is accepted.",
            examples: [0.02],
          },
        },
        description:
          "Test whether the other arms are worse than a reference by less than a margin, which is set before the results are known.",
        examples: [{ reference: "zero_shot", margin: 0.02 }],
      },
      subgroups: {
        type: "array",
        maxItems: 10,
        uniqueItems: true,
        items: { type: "string", minLength: 1 },
        default: [],
        description:
          "Columns of the evaluated data file. The primary metric is also computed for the cases with each value of a column.",
        examples: [["site", "sex"]],
      },
    },
    default: {},
    description: "The evaluated rows, the metrics and their intervals.",
  };
}
