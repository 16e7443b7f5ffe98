import { armNames } from "../pipeline/steps/arm-names.ts";
import { boundsOf } from "../util/bounds.ts";
import type { FinishedRun } from "./finished-runs.ts";
import { replayedArms } from "./replayed-arms.ts";
import { subjectOf } from "./run-arms.ts";

/** The primary metric of one arm. */
export type ArmScore = {
  readonly arm: string;
  /** The display name of the arm. */
  readonly name: string;
  readonly value: number | null;
  /** 95 % interval; null if the run has none for this metric. */
  readonly interval: { readonly low: number; readonly high: number } | null;
};

/** A finished run as a row of a table, from its manifest alone. */
export type RunRow = {
  readonly experiment: string;
  readonly run: string;
  readonly coordinates: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly metric: string;
  readonly view: string;
  /** The subject comes first. */
  readonly scores: readonly [ArmScore, ...ArmScore[]];
  /** Seconds of all its steps, whenever they were built. */
  readonly seconds: number;
  /** Largest resident set of any step, in bytes. */
  readonly memory: number;
  /** In the currency of `resources.price_per_hour`; null if that is not set. */
  readonly price: number | null;
  /** Restrictions on its numbers: "smoke", "validation rows", "replayed". */
  readonly marks: readonly string[];
};

/** The row of a run. Reads only its manifest, so that a thousand runs are listed quickly. */
export function runRowOf(run: FinishedRun): RunRow {
  const { experiment, run: name, coordinates, created, smoke, arms, intervals, cost, config } = run.manifest;
  const { evaluate, resources } = config;
  const { metric, view } = evaluate.primary;
  const subject = subjectOf(run);
  const names = armNames({ ...run.manifest, arms: Object.keys(arms) });
  const scoreOf = (arm: string): ArmScore => ({
    ...{ arm, name: names.get(arm) ?? arm },
    value: arms[arm]?.[view]?.[metric] ?? null,
    interval: boundsOf(intervals?.[arm]?.[view]?.[metric]),
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
