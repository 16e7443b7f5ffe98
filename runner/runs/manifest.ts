import type { RunRole } from "../config/loaded.ts";
import type { StoredFile } from "../pipeline/plan/record.ts";
import type { Json } from "../util/canonical.ts";
import type { EnergyCost } from "./energy.ts";

/** Metrics of one arm in one label view: metric name -> value. */
export type ViewMetrics = Readonly<Record<string, number>>;

/** One arm's metrics in the three label views. */
export type ArmMetrics = {
  readonly raw: ViewMetrics;
  readonly basic: ViewMetrics;
  readonly canonical: ViewMetrics;
};

/** 95 % interval of one metric of one arm in one label view. */
export type ViewIntervals = Readonly<
  Record<
    string,
    {
      readonly low: number;
      readonly high: number;
      readonly method: "bca" | "percentile";
      readonly resamples: number;
      readonly seed: number;
    }
  >
>;

/** One step as a run keeps it. */
export type ManifestStep = {
  readonly kind: string;
  readonly key: string;
  readonly stepId: string;
  /** Digest that names the step's folder in the store. */
  readonly object: string;
  readonly files: Readonly<Record<string, StoredFile>>;
  readonly seconds: number;
  readonly created: string;
  readonly evidence: Readonly<Record<string, Json>>;
  /** Recipe files and locks that have changed since the step was built: its result was accepted all the same. */
  readonly stale?: readonly string[];
};

/** A finished run: all that a reader needs to trust, repeat or cite it. Written once and never changed. */
export type Manifest = {
  readonly schema: 1;
  readonly experiment: string;
  /** The sweep coordinates, if any, and 8 hex digits. */
  readonly run: string;
  readonly coordinates: string;
  readonly role: RunRole;
  /** 20 rows and 5 steps, to see that everything works: its numbers mean nothing. */
  readonly smoke: boolean;
  /** The experiment's file, relative to the project root, and the settings that overrode it. */
  readonly file: string;
  readonly set: readonly string[];
  /** What the command line varied besides, as it was typed after --sweep. */
  readonly sweep?: readonly string[];
  /** ISO 8601, UTC. */
  readonly created: string;
  /** The experiment with every default filled in; paths relative to the project root. */
  readonly config: Json;
  /** Experiments that it compares itself with, by name, filled in the same way; absent where there are none. */
  readonly compared?: Readonly<Record<string, Json>>;
  readonly steps: Readonly<Record<string, ManifestStep>>;
  readonly arms: Readonly<Record<string, ArmMetrics>>;
  /** Arm -> view -> the metrics that have an interval. */
  readonly intervals: Readonly<Record<string, Readonly<Record<keyof ArmMetrics, ViewIntervals>>>>;
  readonly cost: Cost;
  readonly provenance: Provenance;
};

/** What a run took, summed over its steps whenever they were built. */
export type Cost = {
  readonly seconds: number;
  /** Largest resident set of any step, in bytes. */
  readonly peak_memory: number;
  readonly tokens: { readonly trained: number; readonly prompted: number; readonly generated: number };
  /** Absent where no counter told anything. */
  readonly energy?: EnergyCost;
  readonly steps: Readonly<Record<string, { readonly seconds: number; readonly peak_memory: number | null }>>;
};

/** With what, on what and from what a run was made. */
export type Provenance = {
  readonly exp: string;
  readonly node: string;
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
  readonly os: string;
  readonly hardware: Json;
  /** Environment -> sha256 of its lock file. */
  readonly locks: Readonly<Record<string, string>>;
  /** Environment -> the packages that its lock pins. */
  readonly packages: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly seeds: Readonly<Record<string, number>>;
  /** Data file, template or other source -> sha256. */
  readonly sources: Readonly<Record<string, string>>;
};
