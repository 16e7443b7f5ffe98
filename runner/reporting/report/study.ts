import type { Audit } from "../../data/audit.ts";
import type { Analysis } from "../../evaluation/error-analysis/analyse.ts";
import type { LabelRow } from "../../evaluation/labels/detail.ts";
import type { Compared } from "../../evaluation/statistics/compare.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Ablation } from "../../runs/ablation.ts";
import type { EnergyCost } from "../../runs/energy.ts";

/** The loss curve of a training, as in train.json. */
export type Curve = {
  readonly parameters: { readonly total: number; readonly trainable: number };
  readonly loss: readonly { readonly step: number; readonly loss: number }[];
  readonly validation: readonly { readonly step: number; readonly loss: number }[];
};

/** One step of a run: duration, digest of its output and evidence. */
export type StepFacts = {
  readonly kind: string;
  readonly seconds: number;
  readonly object: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly size: number }>>;
  readonly evidence: Readonly<Record<string, unknown>>;
};

/** The scores of one arm. */
export type ArmFacts = {
  readonly name: string;
  /** view -> metric -> value */
  readonly views: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Scores of each label; empty for a task without labels. */
  readonly labels: readonly LabelRow[];
  readonly parseFailures: number;
  readonly truncated: number;
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
export type RunFacts = {
  /** Display name, unique among the runs of a report. */
  readonly name: string;
  readonly experiment: string;
  readonly run: string;
  readonly coordinates: string;
  readonly smoke: boolean;
  readonly created: string;
  readonly file: string;
  readonly set: readonly string[];
  readonly config: Experiment;
  /** Compared experiments by name. */
  readonly compared: Readonly<Record<string, Experiment>>;
  readonly steps: Readonly<Record<string, StepFacts>>;
  readonly arms: readonly ArmFacts[];
  /** Absent if the run has one arm only. */
  readonly comparison?: Compared & { readonly view: string; readonly n: number };
  /** By step: "train", or "train@<experiment>" for a compared experiment. */
  readonly curves: Readonly<Record<string, Curve>>;
  /** The sweep that the run belongs to. */
  readonly ablation?: Ablation;
  readonly audit?: Audit;
  readonly analysis?: Analysis;
  readonly model?: {
    readonly base: string;
    readonly revision: string | null;
    readonly parameters: number;
    readonly config: Readonly<Record<string, unknown>>;
  };
  readonly preflight?: {
    readonly rows: number;
    readonly tokens: number;
    readonly longest: number;
    readonly trained_tokens: number;
  };
  /** Arm -> path of its template, and the rendered prompt of its first case. */
  readonly prompts: Readonly<
    Record<
      string,
      { readonly template: string; readonly messages: readonly { readonly role: string; readonly content: string }[] }
    >
  >;
  readonly trainLabels: readonly { readonly label: string; readonly count: number }[];
  readonly cost: {
    readonly seconds: number;
    readonly peak_memory: number;
    readonly tokens: { readonly trained: number; readonly prompted: number; readonly generated: number };
    readonly energy?: EnergyCost;
  };
  readonly provenance: {
    readonly exp: string;
    readonly node: string;
    readonly git: { readonly commit: string; readonly dirty: boolean } | null;
    readonly os: string;
    readonly hardware: unknown;
    readonly locks: Readonly<Record<string, string>>;
    readonly packages: Readonly<Record<string, Readonly<Record<string, string>>>>;
    readonly seeds: Readonly<Record<string, number>>;
    readonly sources: Readonly<Record<string, string>>;
  };
  /** Uploads of the trained model, oldest first. */
  readonly uploads: readonly { readonly repo: string; readonly commit: string; readonly private: boolean }[];
  /** Evaluations of the test file recorded so far; null if the run was not evaluated on test. */
  readonly testEvaluations: number | null;
};

/** The runs of one report, oldest first, and the author notes by section. */
export type Study = { readonly runs: readonly RunFacts[]; readonly notes: Readonly<Record<string, string>> };
