import type { Rung } from "../../config/halving.ts";
import type { Point } from "../../config/loaded.ts";
import type { DraftedRun } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import type { Selection } from "../steps/selection.ts";

/** A point of an experiment, and the file that declares it. */
export type DraftedPoint = Point & { readonly file: string };

/** A run to be planned, and the point that it is. */
export type Drafted = DraftedRun & { readonly point: DraftedPoint };

/** A selection of a sweep: the step that makes it, and what comes after. */
export type Choice = {
  readonly experiment: string;
  readonly step: PlannedStep;
  /** How many settings it chooses among. */
  readonly settings: number;
  /** Of a sweep by halving: the rungs that come after this one, each with the number of its settings. */
  readonly further: readonly Rung[];
  /** Runs of a setting that wins which are scored on test: one for each seed; 0 where the winner is not scored again. */
  readonly finals: number;
  /** What is run for what was chosen: on the next rung, or on test. */
  follow(selection: Selection, whole: Plan): Followed;
};

/** What a selection leads to. */
export type Followed = {
  /** The whole plan, with what is new of it. */
  readonly whole: Plan;
  readonly runs: readonly PlannedRun[];
  /** The selection on the next rung. */
  readonly choice?: Choice;
};
