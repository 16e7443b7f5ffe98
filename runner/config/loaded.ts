import type { Experiment } from "../plugins/experiment.ts";
import type { ModelConfig } from "../plugins/model-shape.ts";
import type { Files } from "./files.ts";
import type { Halving, Rung } from "./halving.ts";
import type { Value } from "./node.ts";
import type { Select } from "./schema.ts";
import type { Tpe } from "./tpe.ts";

/** Models that `exp setup` installs, by name. */
export type BundledModels = Readonly<Record<string, { readonly parameters: number }>>;

/** config.json of a base model; undefined if it is not on this machine. */
export type ModelConfigs = (base: string, revision: string | undefined) => ModelConfig | undefined;

/** Input of loadExperiment, apart from the path. */
export type LoadOptions = {
  readonly files: Files;
  /** Values of --set: "train.rank=32". */
  readonly set?: readonly string[];
  /** Values of --sweep: "train.rank=8,16". */
  readonly sweep?: readonly string[];
  /** Folder that paths in errors are relative to. */
  readonly cwd: string;
  /** Makes every run a smoke run: see smoke.ts. */
  readonly smoke?: boolean;
  /** The project root. Default: found from the file's path. */
  readonly root?: string;
  readonly bundledModels: BundledModels;
  /** config.json of a base model, if it is known without the network. Absent: no check of the model. */
  readonly modelConfig?: ModelConfigs;
  /** Codes of the data audit, which `data.accept` is checked against. */
  readonly auditCodes?: readonly string[];
  /** Ignore `compare`: the experiment is itself named in another one's `compare`. */
  readonly alone?: boolean;
};

/**
 * A candidate is scored on validation rows, for the selection of a sweep. A final run is scored on the rows that its
 * experiment names: every run outside such a sweep, and the winner of one.
 */
export type RunRole = "candidate" | "final";

/** One run: of a file without a sweep, or one point of its sweep. */
export type Point = {
  readonly experiment: Experiment;
  /** "train.rank=8,train.method=lora": the keys that vary; empty without a sweep. */
  readonly coordinates: string;
  /** The coordinates without the keys in `sweep.repeat`. */
  readonly setting: string;
  /** The run is evaluated on validation rows only, for the selection. */
  readonly isCandidate: boolean;
  /**
   * The experiment that is evaluated on test rows if this run wins its sweep; `experiment` is then the one on
   * validation rows. Absent if the sweep selects nothing, or if the experiment is evaluated on validation rows anyway.
   */
  readonly final?: Experiment;
  /** In a sweep by halving: the epochs of the run. The coordinates end in "epoch=2", except on the last rung. */
  readonly rung?: Rung;
  /** Dotted key -> value of every key that the sweep sets. */
  readonly values: Readonly<Record<string, Value>>;
  /** Dotted keys whose values are defaults. */
  readonly defaulted: readonly string[];
  /** The experiments that `compare` names, in its order. */
  readonly compared: readonly Experiment[];
};

/** A valid experiment file with all its runs. */
export type LoadedExperiment = {
  readonly file: string;
  readonly root: string;
  readonly name: string;
  /** In a sweep by halving: the points of the first rung. In a sweep by TPE: every point that may be proposed. */
  readonly points: readonly Point[];
  /** The later rungs of a sweep by halving, each with every point that may reach it. */
  readonly rungs?: readonly (readonly Point[])[];
  /** Present if the file is a sweep. */
  readonly sweep?: {
    readonly repeated: readonly string[];
    readonly select: Select | undefined;
    readonly halving?: Halving;
    readonly tpe?: Tpe;
  };
  /** Absolute paths of every YAML file that was read, the experiment's first. */
  readonly sourceFiles: readonly string[];
};
