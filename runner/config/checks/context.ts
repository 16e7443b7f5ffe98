import type { Diagnostic, Result, Span } from "../../util/diagnostic.ts";
import type { Files } from "../files.ts";
import type { BundledModels, LoadedExperiment } from "../loaded.ts";
import type { Experiment } from "../schema.ts";

/** What a check is given: an experiment whose sections are valid, and a way to say what is wrong with it. */
export type CheckContext = {
  readonly experiment: Experiment;
  readonly files: Files;
  readonly bundledModels: BundledModels;
  /** Codes of the data audit, which `data.accept` is checked against where they are known. */
  readonly auditCodes: readonly string[] | undefined;
  /** Where a sweep asks for a winner, if it does. */
  readonly select: Span | undefined;
  /** The experiment's own file, absolute. */
  readonly file: string;
  /** Loads an experiment that `compare` names; undefined where comparisons are not followed. */
  readonly compared: ((path: string) => Result<LoadedExperiment>) | undefined;
  /** An absolute path as errors name it. */
  display(path: string): string;
  /** Whether somebody wrote a path. */
  wrote(path: string): boolean;
  /** `path` is dotted: "train.rank" is the place of the value, "train.rank:" that of the key. */
  error(path: string, code: string, message: string, help?: string): void;
  warning(path: string, code: string, message: string, help?: string): void;
  /** Passes on what is wrong inside another file. */
  add(diagnostics: readonly Diagnostic[]): void;
};
