import { backends } from "../plugins/backends/registry.ts";
import { engines } from "../plugins/engines/registry.ts";
import { executors } from "../plugins/executors/registry.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { declaredFormats } from "../plugins/formats/registry.ts";
import { defaultTask, metricNames, rankingMetricNames, tasks } from "../plugins/tasks/registry.ts";
import type { Task } from "../plugins/tasks/task.ts";
import { dataSection } from "./sections/data.ts";
import { evaluateSection } from "./sections/evaluate.ts";
import { model } from "./sections/model.ts";
import { prompt } from "./sections/prompt.ts";
import { report } from "./sections/report.ts";
import { resourcesSchema } from "./sections/resources.ts";
import { sweepSection } from "./sections/sweep.ts";
import { uploadSection } from "./sections/upload.ts";

/** How a sweep selects its winner on validation rows. */
export type Select = Experiment["evaluate"]["primary"];

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

let known = { count: 0, names: "" };

/** The names of everything registered that the schemas depend on. Schemas for equal names are equal. */
export function registeredNames(): string {
  // Nothing is ever removed from a registry, so that an equal number means equal names.
  const registries = [backends, engines, executors, tasks, ...[...tasks].map(({ metrics }) => metrics)];
  const count = registries.reduce((sum, { size }) => sum + size, 0);
  if (known.count !== count) known = { count, names: namesNow() };
  return known.names;
}

function namesNow(): string {
  const ofTasks = [...tasks].map(({ name, metrics }) => `${name}: ${metrics.names().join(",")}`);
  const others = [backends, engines, executors].map((registry) => registry.names().join(","));
  return [...others, ...ofTasks].join(";");
}

/**
 * JSON Schema of one experiment, after `extends` and `sweep` are resolved. It is built from the registries, so a
 * registered implementation is valid in an experiment file. Validation, defaults and `exp schema` use it.
 */
export function experimentSchema(): Schema {
  return current().experiment;
}

/**
 * The same schema with the keys and defaults of one task, for filling in defaults. A name that no task has gives the
 * default task.
 */
export function schemaOfTask(name: string | undefined): Schema {
  const task = (name === undefined ? undefined : tasks.find(name)) ?? defaultTask();
  const { byTask } = current();
  const known = byTask.get(task.name);
  if (known !== undefined) return known;
  const made = buildExperimentSchema(task, task.schema.data ?? {});
  byTask.set(task.name, made);
  return made;
}

/** JSON Schema of `sweep`. The paths and values in it are also checked against the experiment's schema. */
export function currentSweepSchema(): Schema {
  return current().sweep;
}

/** The value of a union's tag if no file sets it, by the path of the union. */
export function defaultTags(): Readonly<Record<string, string | undefined>> {
  return {
    train: backends.names()[0],
    generate: engines.names()[0],
    "evaluate.judge.generate": judgeEngines()[0]?.name,
  };
}

type Built = {
  readonly names: string;
  readonly experiment: Schema;
  readonly sweep: Schema;
  /** The schema with the defaults of a task, by the task's name. */
  readonly byTask: Map<string, Schema>;
};

let cached: Built | undefined;

function current(): Built {
  const names = registeredNames();
  if (cached?.names === names) return cached;
  const keys = Object.assign({}, ...[...tasks].reverse().map(({ schema }) => schema.data)) as Record<string, object>;
  const experiment = buildExperimentSchema(defaultTask(), keys);
  const sweep = sweepSection({ metrics: rankingMetricNames(), views: viewNames() }) as Schema;
  cached = { names, experiment, sweep, byTask: new Map() };
  return cached;
}

function viewNames(): readonly string[] {
  return [...new Set([...tasks].flatMap(({ views }) => views))];
}

/** Engines that can ask a judge: those that need no model files and record nothing. */
const judgeEngines = () => [...engines].filter(({ runsModel, recorded }) => !runsModel && recorded === undefined);

/** The schema with the defaults of a task and with keys of tasks in the section `data`. */
function buildExperimentSchema({ defaults }: Task, dataKeys: Readonly<Record<string, object>>): Schema {
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
        enum: tasks.names(),
        default: defaultTask().name,
        description: `What the study predicts. It selects the answer parser and the metrics. ${[...tasks].map(({ name, description }) => `${name}: ${description}`).join(" ")}`,
        examples: [tasks.names().at(1) ?? defaultTask().name],
      },
      data: dataSection(dataKeys),
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
      evaluate: evaluateSection({
        ...{ metrics: metricNames(), views: viewNames(), defaults, tasks },
        judges: judgeEngines(),
      }) as Schema,
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
        items: { type: "string", enum: [...new Set([...tasks].flatMap(({ baselines }) => baselines))] },
        uniqueItems: true,
        default: defaults.baselines,
        description:
          "Classical baselines, trained and evaluated on the same rows. linear chooses classifier, features and thresholds by cross-validation on training rows. ensemble combines the model with tfidf_svm or linear: of those listed, the one with the best score on validation rows, which also choose the weight; tfidf_svm if none is listed.",
        examples: [["most_frequent", "tfidf_svm"]],
      },
      report,
      upload: uploadSection(declaredFormats()),
      resources: resourcesSchema(executors) as Schema,
    },
  } as Schema;
}
