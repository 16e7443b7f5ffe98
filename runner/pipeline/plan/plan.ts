import type { RunRole } from "../../config/loaded.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";

/** A step of the plan: one draft, shared by every run that drafted the same. */
export type PlannedStep = {
  /** Unique in the plan: the draft's id, followed by "@" and part of the stepId where runs differ in it. */
  readonly id: string;
  /** Deep hash over parameters, sources and upstream stepIds: known at plan time. */
  readonly stepId: string;
  readonly kind: StepKind;
  readonly draft: Draft;
  /** Logical name of a read -> the step that writes it. */
  readonly upstream: Readonly<Record<string, { readonly step: PlannedStep; readonly file: string }>>;
  readonly after: readonly PlannedStep[];
  /** A step that paused in the same work: this one may go on from what it left. In no key: it comes to the same without. */
  readonly resumesFrom?: PlannedStep;
  /** Digests of the step's own sources, by logical name. */
  readonly sourceDigests: Readonly<Record<string, string>>;
};

/** One run: a single experiment, or one point of a sweep. */
export type PlannedRun = {
  readonly experiment: string;
  readonly role: RunRole;
  /** "train.rank=8,train.method=lora", or empty. */
  readonly coordinates: string;
  /** Draft id -> step. */
  readonly steps: ReadonlyMap<string, PlannedStep>;
};

/** Steps in an order in which each comes after what it needs. */
export type Plan = { readonly runs: readonly PlannedRun[]; readonly steps: readonly PlannedStep[] };
