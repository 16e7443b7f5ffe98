import type { Experiment } from "../../config/schema.ts";
import type { Audit } from "../../data/audit.ts";
import type { Analysis } from "../../evaluation/error-analysis/analyse.ts";
import type { LabelRow } from "../../evaluation/metrics/detail.ts";
import type { Compared } from "../../evaluation/statistics/compare.ts";
import type { Ablation } from "../../runs/ablation.ts";
import type { EnergyCost } from "../../runs/energy.ts";

/** A training's curve as train.json has it. */
export type Curve = {
  readonly parameters: { readonly total: number; readonly trainable: number };
  readonly loss: readonly { readonly step: number; readonly loss: number }[];
  readonly validation: readonly { readonly step: number; readonly loss: number }[];
};

/** What a report says of one step: what it cost, and the digest under which its files can be found again. */
export type StepFacts = {
  readonly kind: string;
  readonly seconds: number;
  readonly object: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly size: number }>>;
  readonly evidence: Readonly<Record<string, unknown>>;
};

/** One arm of a run in the primary view and in the others. */
export type ArmFacts = {
  readonly name: string;
  /** view -> metric -> value */
  readonly views: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly labels: readonly LabelRow[];
  readonly parseFailures: number;
  readonly truncated: number;
  readonly outOfSetRate: number;
  readonly goldCardinality: number;
  readonly predictedCardinality: number;
  /** Object that holds metrics.json: where each number comes from. */
  readonly object: string;
};

/** A finished run as sections read it: from its manifest and the files that the manifest names, nothing else. */
export type RunFacts = {
  /** What the report calls it: set for all runs of a report together. */
  readonly name: string;
  readonly experiment: string;
  readonly run: string;
  readonly coordinates: string;
  readonly smoke: boolean;
  readonly created: string;
  readonly file: string;
  readonly set: readonly string[];
  readonly config: Experiment;
  /** Experiments that it compares itself with, by name. */
  readonly compared: Readonly<Record<string, Experiment>>;
  readonly steps: Readonly<Record<string, StepFacts>>;
  readonly arms: readonly ArmFacts[];
  /** Absent where a run has one arm only. */
  readonly comparison?: Compared & { readonly view: string; readonly n: number };
  /** "train", and "train@<experiment>" for a compared experiment's. */
  readonly curves: Readonly<Record<string, Curve>>;
  /** The sweep that it won. */
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
  /** Arm -> the path of its template, and its first case as the model was shown it. */
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
  /** What uploads left on a hub, oldest first. */
  readonly uploads: readonly { readonly repo: string; readonly commit: string; readonly private: boolean }[];
  /** How often the file that was scored had been looked at when this run was reported. */
  readonly looks: number | null;
};

/** Runs that one report is about, oldest first, and what people wrote for it. */
export type Study = { readonly runs: readonly RunFacts[]; readonly notes: Readonly<Record<string, string>> };
