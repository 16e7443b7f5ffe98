import type { FromSchema, JSONSchema } from "json-schema-to-ts";
import type { trainProperties } from "./backends/train-schema.ts";
import type { generationProperties, scoreProperties } from "./engines/generation-schema.ts";
import type { OwnMetric } from "./metrics/own-metric.ts";

/**
 * One run as an experiment file declares it: frozen, every default filled in, every path absolute. A sweep has one for
 * each of its points. Core and implementations share this type. Where a registry decides which values are valid
 * (backends, engines, tasks, metrics, executors), the value is a string here. config/schema.ts builds the JSON Schema
 * that validates it.
 */
export type Experiment = {
  readonly name: string;
  readonly description: string;
  readonly task: string;
  readonly data: Data;
  readonly model: { readonly base: string; readonly revision?: string; readonly size?: string };
  readonly prompt: Prompt;
  /** Absent: no fine-tuning. */
  readonly train?: Train;
  readonly generate: Generation;
  readonly evaluate: Evaluation;
  /** Absolute paths of other experiments. */
  readonly compare: readonly string[];
  readonly baselines: readonly string[];
  readonly report: {
    readonly pdf: boolean;
    readonly html: boolean;
    readonly xlsx: boolean;
    readonly notes?: string;
    readonly final?: boolean;
  };
  readonly upload?: Upload;
  readonly resources: Resources;
};

/** One file, or several in the order of their rows. */
export type DataFiles = string | readonly string[];

/** Has exactly one of file and hub. */
type DataFile = {
  readonly file?: DataFiles;
  /** A data set of the hub: owner/name. */
  readonly hub?: string;
  /** Commit of the data set. */
  readonly revision?: string;
  readonly config?: string;
  readonly split?: string;
  /** Paths or globs in its repository, in place of config and split. */
  readonly files?: string | readonly string[];
  readonly sheet?: string;
  readonly header_row?: number;
  readonly limit?: number;
  readonly seed: number;
};

/** A form of a label: as it is written, tidied up, or with synonyms replaced. */
type LabelView = "raw" | "basic" | "canonical";

type Data = {
  readonly train: DataFile;
  /** Has exactly one of file, hub and fraction, a share of the rows of the training part. */
  readonly test?: Partial<Omit<DataFile, "seed">> & { readonly fraction?: number; readonly seed: number };
  readonly format: "table" | "alpaca" | "chat";
  readonly columns: {
    readonly id?: string;
    /** Exactly one of input and inputs. */
    readonly input?: string;
    readonly inputs?: Readonly<Record<string, string>>;
    /** Exactly one of target and targets. */
    readonly target?: string;
    readonly targets?: Readonly<Record<string, string>>;
    readonly group?: string;
  };
  /** Has exactly one of fraction, file, hub and folds. */
  readonly validation?: Omit<DataFile, "seed"> & {
    readonly fraction?: number;
    readonly folds?: number;
    readonly fold?: number;
    readonly seed: number;
  };
  /** Keys of label tasks. Absent for other tasks, whose keys only the task interprets. */
  readonly labels?: {
    readonly separator: string;
    readonly synonyms?: string;
    readonly groups?: string;
    readonly lexicon?: string;
    readonly min_cases: number;
    readonly soft_distance: number;
  };
  readonly targets?: { readonly view: LabelView; readonly order: "as_is" | "alphabetical" | "frequency" };
  /** Without `by`, the groups are the labels of a row. */
  readonly oversample?: { readonly by?: string; readonly rare_below: number; readonly max_repeat: number };
  /** What the authors state about the data. */
  readonly origin?: {
    readonly kind: "synthetic" | "public" | "private";
    readonly source?: string;
    readonly link?: string;
    readonly dataset?: string;
    readonly license?: string;
    readonly publish?: boolean;
  };
  readonly accept: readonly string[];
};

type Prompt = {
  readonly template: string;
  /** Absent: the untrained model gets `template` and the task's instruction. */
  readonly zero_shot?: string;
  readonly thinking: boolean;
  readonly system: "system" | "user";
  readonly labels?: {
    readonly from: "train";
    readonly min_count: number;
    readonly order: "frequency" | "alphabetical";
  };
  readonly examples: { readonly count: number; readonly select: "nearest" | "random"; readonly seed: number };
  /** Absent: none. `from` is a baseline with scores of labels. */
  readonly candidates?: { readonly from: string; readonly top: number };
};

type Evaluation = {
  readonly split: "test" | "validation";
  /** Names of metrics of the task, and metrics that the study brings. `shownMetrics` gives the names of all. */
  readonly metrics: readonly (string | OwnMetric)[];
  /** A language model that scores answers by a rubric. */
  readonly judge?: Judge;
  /** A local model that compares answers with targets. */
  readonly embedding?: { readonly base: string; readonly revision?: string };
  readonly primary: { readonly metric: string; readonly view: LabelView };
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  readonly non_inferiority?: { readonly reference: string; readonly margin: number };
  /** Columns of the evaluated file. */
  readonly subgroups: readonly string[];
};

/** How a language model scores answers. */
export type Judge = {
  readonly rubric: string;
  /** Least and greatest score. */
  readonly scale: readonly number[];
  /** The engine that asks the judge, and its keys. */
  readonly generate: Generation;
  /** A file of answers that people rated. */
  readonly ratings?: string;
};

type Upload = {
  readonly repo: string;
  readonly private: boolean;
  readonly content: "adapter" | "merged";
  /** "gguf", or "gguf:q8_0" with a number format. */
  readonly formats?: readonly string[];
  readonly base_license?: string;
  readonly license?: string;
  readonly base_model?: string;
  readonly predictions?: string;
  readonly language?: readonly string[];
  readonly tags?: readonly string[];
  readonly authors?: readonly string[];
  readonly intended_use?: string;
  readonly out_of_scope?: string;
  readonly example?: string;
};

/** An executor's own keys are there too, under its name: settingsOf() in executors/registry.ts reads them. */
type Resources = {
  readonly gpus?: number;
  readonly gpu_memory?: string;
  readonly memory?: string;
  readonly time?: string;
  readonly price_per_hour?: number;
  readonly executor: string;
};

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** The values of a schema's `properties`: keys without a default are optional. */
type ValuesOf<P extends Readonly<Record<string, JSONSchema>>> = DeepReadonly<
  FromSchema<{ readonly type: "object"; readonly additionalProperties: false; readonly properties: P }>
>;

/** A value of `train.overrides`, which only the backend interprets. */
type Override = null | boolean | number | string | readonly (null | boolean | number | string)[];

/**
 * `train` with every default: the keys that all backends share. `alpha` is computed from `alpha_ratio` where that is
 * given, and `overrides` has dotted keys. A backend's own keys are there too; the backend narrows the type to reach
 * them.
 */
export type Train = Omit<ValuesOf<typeof trainProperties>, "alpha" | "alpha_ratio" | "overrides"> & {
  readonly backend: string;
  readonly alpha: number;
  readonly overrides: Readonly<Record<string, Override>>;
};

/**
 * `generate` with every default. The keys of `generationProperties` are present for an engine whose schema includes
 * them. An engine's own keys are there too; the engine narrows the type to reach them.
 */
export type Generation = Partial<ValuesOf<typeof generationProperties> & ValuesOf<typeof scoreProperties>> & {
  readonly engine: string;
  /** Number format of the weights, for an engine that has a choice. */
  readonly precision?: string;
};
