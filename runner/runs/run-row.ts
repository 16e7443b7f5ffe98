import type { Experiment } from "../config/schema.ts";
import { replayedArms } from "../reporting/report/replayed-arms.ts";
import type { ArmScore, RunRow } from "../reporting/report/run-row.ts";
import type { FinishedRun } from "./finished-runs.ts";
import { subjectOf } from "./run-outputs.ts";

/** What a table of runs says of one: read from its manifest, so that a thousand runs are listed at once. */
export function runRowOf(run: FinishedRun): RunRow {
  const { experiment, run: name, coordinates, created, smoke, arms, intervals, cost, config } = run.manifest;
  const { evaluate, resources } = config as unknown as Experiment;
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
