import type { Progress } from "../util/progress.ts";

/** What a running `exp run` is at. */
export type LiveRun = {
  readonly files: readonly string[];
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly total: number;
  /** How steps ended -> how many did. */
  readonly counts: Readonly<Record<string, number>>;
  readonly running: readonly {
    readonly step: string;
    readonly progress: Progress;
    /** Units done and the loss there, thinned to what a small picture shows. */
    readonly loss: readonly (readonly [done: number, loss: number])[];
  }[];
  readonly failed: readonly { readonly step: string; readonly message: string }[];
  /** The steps that ended last, the newest first. */
  readonly finished: readonly string[];
};
