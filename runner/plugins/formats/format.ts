import type { Environment } from "../environment.ts";
import type { ModelConfig } from "../model-shape.ts";
import type { StepWork } from "../step-work.ts";

/** A file format that `exp export-model` writes a whole model in, for programs that do not read safetensors. */
export type ModelFormat = {
  readonly name: string;
  /** The Python environment that it converts and answers in. */
  readonly environment: Environment;
  /** Number formats of the weights, the default first. Each is a name that the format's own programs use. */
  readonly types: readonly [string, ...string[]];
  /** What keeps it from holding the model of a config.json, as the object of "cannot export". */
  supports(model: ModelConfig): string | undefined;
  /** The name of the file with the model, in an exported folder. */
  readonly file: string;
  /** The texts in such a file that are not weights, so that an upload can search them. Throws UserError. */
  textsIn(path: string): readonly string[];
  /** The values of `model_type` that it holds, for messages. */
  readonly modelTypes: readonly string[];
  /**
   * Converts a model. Core drafts the step: `params` has `type`, `thinking`, and `generation` with the keys of `generate`
   * that choose tokens; `inputs` has `model`, `prompts` and, for a trained model, `weights`. It writes the folder
   * `exported/` with the model, the files that a program needs to serve it, and `export.json`.
   */
  readonly exportStep: StepWork;
  /** Answers prompts with an exported model: `inputs` has `export` in place of the weights. Writes responses.jsonl. */
  readonly answerStep: StepWork;
  /** The line of a terminal that loads an exported folder into a program, `folder` being its path. */
  serve(folder: string): string;
};
