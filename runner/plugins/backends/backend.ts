import type { Citation } from "../citation.ts";
import type { Environment } from "../environment.ts";
import type { Train } from "../experiment.ts";
import type { ModelConfig } from "../model-shape.ts";
import type { ObjectSchema } from "../object-schema.ts";
import type { StepWork } from "../step-work.ts";
import type { Device, Precision } from "./device.ts";
import type { Method } from "./methods.ts";

/** A trainer: `train.backend` names it. */
export type Backend = {
  readonly name: string;
  /** JSON Schema of `train` for this backend. Its property `backend` is `{const: name}`; it usually spreads trainProperties. */
  readonly schema: ObjectSchema;
  readonly capabilities: Capabilities;
  /**
   * Own keys that make exp reach outside the study: addresses, names of variables, code. A study from somewhere else may
   * set them only with the user's permission, and the message shows their values.
   */
  readonly needsTrust?: readonly string[];
  /** The Python environment that it trains in. Absent: it needs none. */
  readonly environment?: Environment;
  /**
   * What keeps it from training the model of a config.json, as the object of "cannot train". Absent or undefined: it
   * can, or the config does not decide. Without `training`: whether any training of the model is possible.
   */
  supports?(model: ModelConfig, training?: TrainingRequest): string | UnsupportedPart | undefined;
  /**
   * Trains. Core drafts the step `train`: `params` has the keys of `train`, with `precision` and `layers` resolved. The inputs are
   * the files `model` (model.json), `train` and, if there are validation rows, `validation`. The step writes `adapter/` (a PEFT
   * folder) or, for method full, `model/` (a transformers folder); train.json; and one folder for each reporter.
   */
  readonly trainStep: StepWork;
  /** How the estimate of memory and time treats its training. */
  readonly estimate: TrainingProfile;
  /** What reports cite for it. */
  readonly citation?: Citation;
};

/** The keys of `train` that decide, with the model, whether a training is possible. */
export type TrainingRequest = Pick<Train, "method" | "targets">;

/** The object of "cannot train", the key that prevents it, and the setting with which the backend can train the model. */
export type UnsupportedPart = { readonly model: string; readonly key: `train.${string}`; readonly help: string };

/** When activations are recomputed in the backward pass: always, or only if memory is short. */
export type Checkpointing = "always" | "if-short";

/** The properties of a training that its memory depends on. */
export type TrainingProfile = {
  /** Devices on which activations are recomputed in the backward pass. Absent: never. */
  readonly checkpointing: Readonly<Partial<Record<Device, Checkpointing>>>;
  /** Whether the logits of every token are in memory at once. False: only those of the answers, in chunks. */
  readonly allLogits: boolean;
  /** Bytes for each value of the largest 4-bit matrix while it is converted for a product: the fewest and the most. */
  readonly conversion: readonly [number, number];
};

/** What a backend can do. An experiment that needs more is an error before anything runs; no key is ignored. */
export type Capabilities = {
  /** Method -> device -> the precisions that it trains in. A method or device that is absent or empty is not supported. */
  readonly methods: Readonly<Partial<Record<Method, Readonly<Partial<Record<Device, readonly Precision[]>>>>>>;
  /** Method that no device supports -> what to use instead, as help for the error. */
  readonly instead?: Readonly<Partial<Record<Method, string>>>;
  /** Values of `report_to` that it supports; each is an output folder of the step. */
  readonly reporters: readonly string[];
  /** Methods that it trains on a single GPU only. */
  readonly oneGpu?: readonly Method[];
  /** Whether training without a GPU is limited to one process, and so to one node. */
  readonly oneProcessOnCpu?: boolean;
  readonly schedules: readonly string[];
  /** Values of `keep.best`. */
  readonly best: readonly string[];
  /** Whether it averages the weights of epochs (`keep.average`). Absent: no. */
  readonly averages?: boolean;
  readonly earlyStopping: boolean;
  /** Whether it can answer validation rows while it trains (`train.samples`). */
  readonly samples: boolean;
  /** Whether it weights rows (`train.sample_weights`, `train.suspects`): a row of the file `train` may have a `weight`. Absent: no. */
  readonly sampleWeights?: boolean;
  /** Whether it adds noise to the embeddings of training rows (`train.neftune_alpha`). Absent: no. */
  readonly embeddingNoise?: boolean;
  /** Whether it can pause after an epoch and resume, which `strategy: halving` needs. */
  readonly pauses: boolean;
  /** Dotted keys of the trainer that `overrides` may set. "optim_args.*" allows any key of a section. */
  readonly overrides: readonly string[];
  /** Dotted key of the trainer that `overrides` may not set -> the experiment key that sets it. */
  readonly reserved: Readonly<Record<string, string>>;
};
