import type { Experiment } from "./experiment.ts";

/** What an implementation's check of an experiment receives. The schema found nothing wrong in the sections that it reads. */
export type ExperimentCheck = {
  readonly experiment: Experiment;
  /** An absolute path as messages show it. */
  display(path: string): string;
  /** Whether a file sets this dotted key. */
  wrote(path: string): boolean;
  /** Reports an error at the key `path` if the absolute path `file` is not a file. Returns whether it is one. */
  needFile(path: string, file: string): boolean;
  /** `path` is a dotted key: "generate.file" marks its value, "generate.file:" the key itself. */
  error(path: string, code: string, message: string, help?: string): void;
  warning(path: string, code: string, message: string, help?: string): void;
};
