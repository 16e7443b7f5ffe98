import type { Device, Precision } from "../backends/device.ts";
import type { Method } from "../backends/methods.ts";
import type { ExperimentCheck } from "../check.ts";
import type { Citation } from "../citation.ts";
import type { Environment } from "../environment.ts";
import type { Experiment, Generation } from "../experiment.ts";
import type { ModelConfig } from "../model-shape.ts";
import type { ObjectSchema } from "../object-schema.ts";
import type { StepWork } from "../step-work.ts";

/** Produces answers: `generate.engine` names it. */
export type Engine = {
  readonly name: string;
  /**
   * JSON Schema of `generate` for this engine. Its property `engine` is `{const: name}`; it may spread
   * generationProperties.
   */
  readonly schema: ObjectSchema;
  /** The Python environment that it generates in. Absent: it needs none. */
  readonly environment?: Environment;
  /**
   * Whether it loads the base model on this machine. If so, a run fetches the model, preflight checks it, and an
   * adapter that the engine cannot load is merged. If not, `model.base` only names a model, and nothing is trained.
   */
  readonly runsModel: boolean;
  /**
   * Whether it can score labels (`generate.scores: labels`): it then also writes margins.jsonl, as a classical baseline
   * does.
   */
  readonly scoresLabels?: true;
  /** How it loads the model. Absent for an engine that does not run the model. */
  readonly loads?: ModelLoading;
  /**
   * For an engine that reads answers from files: the file with the answers of an arm, or undefined if the experiment
   * names none. Such a run has no prompts. Reports state that the answers are recorded.
   */
  recorded?(experiment: Experiment, arm: string): RecordedAnswers | undefined;
  /**
   * Own keys that make exp reach outside the study: addresses, names of variables, code. A study from somewhere else
   * may set them only with the user's permission, and the message shows their values.
   */
  readonly needsTrust?: readonly string[];
  /**
   * Variables that hold keys of a well-known server -> its origin. Another pair needs a line in the user's
   * configuration.
   */
  readonly keyOrigins?: Readonly<Record<string, string>>;
  /**
   * What keeps it from loading the model of a config.json, as the object of "cannot load". Absent or undefined: it can,
   * or the config does not decide.
   */
  supports?(model: ModelConfig): string | undefined;
  /** Reports what the schema cannot express. */
  check?(check: ExperimentCheck): void;
  /**
   * Answers the cases of one arm. Core drafts the step: `params` has the keys of `generate`; `inputs` has `prompts`
   * and, for a constraint or scores, `answers`; for an engine that runs the model also `model` and the trained
   * `adapter` or `weights`; for recorded answers only `rows`. The step writes responses.jsonl in the order of the rows.
   */
  readonly generateStep: StepWork;
  /** What the estimate of memory and time needs. Absent or undefined: there is no estimate. */
  estimate?(generation: Generation, device: Device): GenerationProfile | undefined;
  /**
   * Another setting that gives equal answers faster on a device, as a sentence for `exp plan`. Absent or undefined:
   * none.
   */
  faster?(generation: Generation, device: Device): string | undefined;
  /** What reports cite for it. */
  readonly citation?: Citation;
};

/** How an engine that runs the model loads and prompts it. */
export type ModelLoading = {
  /**
   * Methods whose adapter it loads together with the base. An adapter of another method is merged into the base first.
   */
  readonly adapters: readonly Method[];
  /** Whether it can load the base in 4 bits, and so both forms of an adapter that was trained on a 4-bit base. */
  readonly fourBit: boolean;
  /**
   * For an engine that pads prompts to the length of the longest in a batch: a module of recipes/ whose function
   * `padding_difference` compares a padded batch with single prompts. Preflight calls it. It runs in the default
   * environment.
   */
  readonly paddingCheck?: string;
  /**
   * The module of recipes/ whose function `run` answers a few prompts for `exp preview`, with the parameters of this
   * engine. It runs in the default environment. Absent: there are no answers in a preview.
   */
  readonly previews?: string;
};

/** A file of answers that exist before the run, and who produced them; null if the experiment does not state it. */
export type RecordedAnswers = { readonly file: string; readonly made_by: string | null };

/** The properties of a generation that its memory and time depend on. */
export type GenerationProfile = {
  /** Cases that are answered at once: the fewest and the most. */
  readonly batch: readonly [number, number];
  /** Maximum number of prompt tokens in one prefill pass. */
  readonly prefillTokens: number;
  /** Whether the engine reduces the batch if memory is short. */
  readonly adapts: boolean;
  /** Settings that need less memory, the one to try first at the start. */
  readonly smaller: readonly string[];
};

/** Number format of the weights that `generate.precision` selects, if a device computes in `native`. */
export function weightPrecision(precision: string | undefined, native: Precision): Precision | "4bit" {
  return precision === "32bit" ? "fp32" : precision === "4bit" ? "4bit" : native;
}
