import type { RunRole } from "../../config/loaded.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";

/** A step of the plan, shared by all runs that drafted the same. */
export type PlannedStep = {
  /** Unique in the plan: the draft's id, with "@" and a part of the stepId if several steps have that id. */
  readonly id: string;
  /** Deep hash over parameters, sources and upstream stepIds. Known at plan time. */
  readonly stepId: string;
  readonly kind: StepKind;
  readonly draft: Draft;
  /** Logical name of an input -> the step that writes it. */
  readonly upstream: Readonly<Record<string, { readonly step: PlannedStep; readonly file: string }>>;
  readonly after: readonly PlannedStep[];
  /** A paused step whose training this one may resume. Not part of the key: the result is the same without it. */
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

/** Runs and steps. The steps are in topological order. */
export type Plan = { readonly runs: readonly PlannedRun[]; readonly steps: readonly PlannedStep[] };
