import type { Progress } from "../util/progress.ts";

/** A loss after a number of finished units. */
export type CurvePoint = readonly [done: number, loss: number];

/** The status of a running `exp run`. */
export type LiveRun = {
  readonly files: readonly string[];
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly total: number;
  /** Outcome -> number of steps. */
  readonly counts: Readonly<Record<string, number>>;
  readonly running: readonly {
    readonly step: string;
    /** The name of its log; null while it waits for resources. */
    readonly log: string | null;
    readonly progress: Progress;
    /** The loss by number of finished units, thinned for a chart. */
    readonly loss: readonly CurvePoint[];
    readonly validation: readonly CurvePoint[];
  }[];
  readonly failed: readonly { readonly step: string; readonly message: string; readonly log: string | null }[];
  /** The steps that ended last, newest first. */
  readonly finished: readonly string[];
};
