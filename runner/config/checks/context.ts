import type { Experiment } from "../../plugins/experiment.ts";
import type { Diagnostic, Result, Span } from "../../util/diagnostic.ts";
import type { Files } from "../files.ts";
import type { BundledModels, LoadedExperiment, ModelConfigs } from "../loaded.ts";

/** Input of a check: an experiment whose sections are valid, and functions that report problems. */
export type CheckContext = {
  readonly experiment: Experiment;
  readonly files: Files;
  readonly bundledModels: BundledModels;
  /** config.json of a base model, if it is known without the network. Undefined: not checked. */
  readonly modelConfig: ModelConfigs | undefined;
  /** Codes of the data audit, for `data.accept`. Undefined: not checked. */
  readonly auditCodes: readonly string[] | undefined;
  /** The key `select` of the sweep, if there is one. */
  readonly select: Span | undefined;
  /** Absolute path of the experiment's file. */
  readonly file: string;
  /** Loads an experiment that `compare` names; undefined if `compare` is ignored. */
  readonly compared: ((path: string) => Result<LoadedExperiment>) | undefined;
  /** An absolute path as errors print it. */
  display(path: string): string;
  /** Whether a file or setting has a path. */
  wrote(path: string): boolean;
  /** `path` is dotted. "train.rank" marks the value, "train.rank:" the key. */
  error(path: string, code: string, message: string, help?: string): void;
  warning(path: string, code: string, message: string, help?: string): void;
  /** Adds diagnostics of another file. */
  add(diagnostics: readonly Diagnostic[]): void;
};
