import type { FinishedRun } from "./finished-runs.ts";
import { replayedArms } from "./replayed-arms.ts";
import { subjectOf } from "./run-outputs.ts";

/** One arm of a run in its primary metric. */
export type ArmScore = {
  readonly arm: string;
  readonly value: number | null;
  /** 95 % interval; null where the run has none for this metric. */
  readonly interval: { readonly low: number; readonly high: number } | null;
};

/** A finished run in a table of runs, from its manifest alone. */
export type RunRow = {
  readonly experiment: string;
  readonly run: string;
  readonly coordinates: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly metric: string;
  readonly view: string;
  /** The arm that the run is about comes first. */
  readonly scores: readonly [ArmScore, ...ArmScore[]];
  /** Seconds of all its steps, whenever they were built. */
  readonly seconds: number;
  /** Largest resident set of any step, in bytes. */
  readonly memory: number;
  /** In the currency of `resources.price_per_hour`; null where the experiment names none. */
  readonly price: number | null;
  /** Why its numbers are not what they seem: "smoke", "validation rows", "replayed". */
  readonly marks: readonly string[];
};

/** What a table of runs says of one: read from its manifest, so that a thousand runs are listed at once. */
export function runRowOf(run: FinishedRun): RunRow {
  const { experiment, run: name, coordinates, created, smoke, arms, intervals, cost, config } = run.manifest;
  const { evaluate, resources } = config;
  const { metric, view } = evaluate.primary;
  const subject = subjectOf(run);
  const scoreOf = (arm: string): ArmScore => ({
    arm,
    value: arms[arm]?.[view]?.[metric] ?? null,
    interval: intervals?.[arm]?.[view]?.[metric] ?? null,
  });
  const price = resources?.price_per_hour;
  return {
    ...{ experiment, run: name, coordinates, created, metric, view },
    scores: [
      scoreOf(subject),
      ...Object.keys(arms)
        .filter((arm) => arm !== subject)
        .map(scoreOf),
    ],
    seconds: cost.seconds,
    memory: cost.peak_memory,
    price: price === undefined ? null : (cost.seconds / 3600) * price,
    marks: [
      ...(smoke ? ["smoke"] : []),
      ...(evaluate.split === "validation" ? ["validation rows"] : []),
      ...(replayedArms(run.manifest).length > 0 ? ["replayed"] : []),
    ],
  };
}
