import type { Files } from "./files.ts";
import type { Halving, Rung } from "./halving.ts";
import type { Value } from "./node.ts";
import type { Experiment, Select } from "./schema.ts";

/** Models that come with `exp setup`, by name. */
export type BundledModels = Readonly<Record<string, { readonly parameters: number }>>;

/** What loading needs of the world. */
export type LoadOptions = {
  readonly files: Files;
  /** Settings as typed after --set: "train.rank=32". */
  readonly set?: readonly string[];
  /** What is varied besides, as typed after --sweep: "train.rank=8,16". */
  readonly sweep?: readonly string[];
  /** Folder that paths in errors are relative to. */
  readonly cwd: string;
  /** Folder of the exp package: its prompts/ stands in for templates that the project lacks. */
  readonly packageRoot: string;
  /** Makes every run a smoke run: see smoke.ts. */
  readonly smoke?: boolean;
  /** The project root, where the rule is not to find it. */
  readonly root?: string;
  /** Models that come with `exp setup`. */
  readonly bundledModels: BundledModels;
  /** Codes of the data audit, which `data.accept` is checked against. */
  readonly auditCodes?: readonly string[];
  /** The experiment is one that another compares itself with: its own `compare` is not followed. */
  readonly alone?: boolean;
};

/**
 * A candidate is scored on validation rows, for the selection of a sweep. A final run is scored on the rows that its experiment names:
 * every run outside such a sweep, and the winner of one.
 */
export type RunRole = "candidate" | "final";

/** One run: the whole file, or one point of its sweep. */
export type Point = {
  readonly experiment: Experiment;
  /** "train.rank=8,train.method=lora": the keys that vary; empty without a sweep. */
  readonly coordinates: string;
  /** The same without the keys that the sweep averages over. */
  readonly setting: string;
  /** The run is scored on validation rows alone, to be chosen by. */
  readonly isCandidate: boolean;
  /**
   * What is scored should this run be the winner of its sweep: the experiment as it is written. `experiment` is then what it is
   * chosen by. Absent where nothing is selected, or where all is scored on validation rows anyway.
   */
  readonly final?: Experiment;
  /** Of a sweep by halving: how far the run is trained. Its coordinates then end in "epoch=2", but for the last rung's. */
  readonly rung?: Rung;
  /** Dotted key -> value of every key that the sweep sets. */
  readonly values: Readonly<Record<string, Value>>;
  /** Dotted keys whose values are defaults: what a plan shows beside what was written. */
  readonly defaulted: readonly string[];
  /** The experiments that `compare` names, in its order. */
  readonly compared: readonly Experiment[];
};

/** A file, read and found right, with all its runs. */
export type LoadedExperiment = {
  readonly file: string;
  readonly root: string;
  readonly name: string;
  /** Of a sweep by halving those of its first rung. */
  readonly points: readonly Point[];
  /** The further rungs of a sweep by halving, each with every point that may come so far. */
  readonly rungs?: readonly (readonly Point[])[];
  /** Present where the file is a sweep. */
  readonly sweep?: {
    readonly repeated: readonly string[];
    readonly select: Select | undefined;
    readonly halving?: Halving;
  };
  /** Absolute paths of every YAML file that was read, the experiment's first. */
  readonly sourceFiles: readonly string[];
};
