import type { Progress } from "../util/progress.ts";

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
    readonly progress: Progress;
    /** The loss by number of finished units, thinned for a small chart. */
    readonly loss: readonly (readonly [done: number, loss: number])[];
  }[];
  readonly failed: readonly { readonly step: string; readonly message: string }[];
  /** The steps that ended last, newest first. */
  readonly finished: readonly string[];
};
