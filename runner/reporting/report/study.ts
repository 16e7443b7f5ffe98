import type { FieldConfusion, FieldRow, JsonDetails } from "../../evaluation/json/details.ts";
import type { LabelRow } from "../../evaluation/labels/detail.ts";
import type { SingleLabel } from "../../evaluation/labels/single-label.ts";
import type { JudgeFacts, ResultFiles, TrainingReport } from "../../pipeline/result-files.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Ablation } from "../../runs/ablation.ts";
import type { Manifest, ManifestStep } from "../../runs/manifest.ts";
import type { SettingDifferences } from "../../runs/sweep-differences.ts";

/** One step of a run: duration, digest of its output and evidence. */
export type StepFacts = Pick<ManifestStep, "kind" | "seconds" | "object" | "files" | "evidence">;

/** What is known about the fields of an arm's answers. */
export type FieldFacts = {
  /** In the primary view. */
  readonly rows: readonly FieldRow[];
  readonly confusions: readonly FieldConfusion[];
  readonly errors: JsonDetails["schema_errors"];
};

/** The scores of one arm. */
export type ArmFacts = {
  readonly name: string;
  /** view -> metric -> value; null for a metric without meaning for the cases */
  readonly views: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
  /** For a task with one label a case: the confusion matrix in the primary view. */
  readonly confusion?: SingleLabel["confusion"];
  /**
   * For a task with JSON objects: scores of each field, confusions of fields with a list of values, and why answers are
   * not valid.
   */
  readonly fields?: FieldFacts;
  /** Scores of each label; empty for a task without labels. */
  readonly labels: readonly LabelRow[];
  readonly parseFailures: number;
  readonly truncated: number;
  /** Absent without `evaluate.judge`. */
  readonly judge?: JudgeFacts;
  /** Absent without `evaluate.embedding`. */
  readonly embedding?: { readonly cut: number };
  /** For a task with labels: labels per case, and the proportion of predicted labels that no training row has. */
  readonly labelFacts?: {
    readonly outOfSetRate: number;
    readonly goldCardinality: number;
    readonly predictedCardinality: number;
  };
  /** Digest of the stored object with metrics.json. */
  readonly object: string;
};

/** A finished run, read from its manifest and the files that the manifest names. */
export type RunFacts = Pick<
  Manifest,
  "experiment" | "run" | "coordinates" | "smoke" | "created" | "file" | "set" | "config" | "cost" | "provenance"
> & {
  /** Display name, unique among the runs of a report. */
  readonly name: string;
  /** Compared experiments by name. */
  readonly compared: Readonly<Record<string, Experiment>>;
  readonly steps: Readonly<Record<string, StepFacts>>;
  readonly arms: readonly ArmFacts[];
  /** Absent if the run has one arm only. */
  readonly comparison?: ResultFiles["comparison.json"];
  /** By step: "train", or "train@<experiment>" for a compared experiment. */
  readonly curves: Readonly<Record<string, TrainingReport>>;
  /** The sweep that the run belongs to. */
  readonly ablation?: Ablation;
  readonly audit?: ResultFiles["audit.json"];
  readonly analysis?: ResultFiles["analysis.json"];
  readonly model?: Pick<ResultFiles["model.json"], "base" | "revision" | "parameters" | "config">;
  /** Arm -> path of its template, the rendered prompt of its first case, and the length of its prompts. */
  readonly prompts: Readonly<
    Record<
      string,
      {
        readonly template: string;
        readonly isInstructed: boolean;
        readonly messages: readonly { readonly role: string; readonly content: string }[];
        /** Tokens per case; absent if the engine reports none. */
        readonly tokens?: { readonly mean: number; readonly max: number };
      }
    >
  >;
  readonly trainLabels: ResultFiles["labels.json"];
  /** Uploads of the trained model, oldest first. */
  readonly uploads: readonly { readonly repo: string; readonly commit: string; readonly private: boolean }[];
  /** Evaluations of the test file recorded so far; null if the run was not evaluated on test. */
  readonly testEvaluations: number | null;
};

/** The runs of one report, oldest first, and the author notes by section. */
export type Study = {
  readonly runs: readonly RunFacts[];
  readonly notes: Readonly<Record<string, string>>;
  /** Whether the project is a clone of exp, which has to be built. Default: a study that installs exp as a package. */
  readonly isExpClone?: boolean;
  /** By run: the differences between the settings of its sweep, which varies the prompt. */
  readonly promptDifferences?: Readonly<Record<string, SettingDifferences>>;
  /** Path of a prompt template, or of the README.md in its folder -> text. Files of the project only. */
  readonly promptFiles?: Readonly<Record<string, string>>;
};
