import { type Metric, type PreferredInterval, rangeOf } from "../../plugins/metrics/metric.ts";
import type { Samples } from "./bootstrap.ts";
import { type Interval, jackknifeVariance, metricInterval, studentInterval } from "./interval.ts";
import { correctUnits } from "./intervals.ts";
import { type CaseGroups, noValueReason, type Packed } from "./packed.ts";
import { overSeeds, seedError } from "./seeds.ts";

/**
 * One answerer: by metric, its value for each seed, its bootstrap values, and its values with cases left out, both
 * averaged over seeds.
 */
export type Side = {
  readonly name: string;
  readonly packed: Packed | undefined;
  readonly cases: number;
  readonly groups: CaseGroups | undefined;
  readonly correct: readonly boolean[] | undefined;
  readonly preferred: readonly PreferredInterval[];
  readonly values: readonly (readonly number[])[];
  readonly samples: Samples;
  readonly leftOut: Samples;
};

/**
 * A metric of one answerer. `seeds` (the value of each) and `sd` (over seeds) are present if there are several seeds.
 */
export type Measured = Interval & {
  /** null if the metric has no meaning for these cases; the interval then has the reason. */
  readonly value: number | null;
  readonly seeds?: readonly number[];
  readonly sd?: number | null;
};

/** The metrics of one answerer with their intervals, by name. */
export function measured(side: Side, metrics: readonly Metric[]): Record<string, Measured> {
  const of = (metric: Metric, at: number): Measured => {
    const own = side.values[at] as readonly number[];
    const { mean: value, sd } = overSeeds(own);
    const preferred = side.preferred[at] as PreferredInterval;
    if (Number.isNaN(value)) return { value: null, method: "none", reason: noValueReason(preferred) };
    const leftOut = side.leftOut[at] as Float64Array;
    if (own.length > 1) {
      if (typeof preferred === "object") return { value, method: "none", reason: preferred.none, seeds: own, sd };
      const { standardError, freedom } = seedError(caseVariance(leftOut), [own]);
      const interval = studentInterval(value, standardError, freedom, rangeOf(metric));
      return { value, ...interval, seeds: own, sd };
    }
    const interval = metricInterval({
      ...{ metric, preferred, estimate: value, samples: side.samples[at] as Float64Array, leftOut },
      ...{ cases: side.cases, ...correctUnits(side.correct ?? [], side.groups) },
    });
    return { value, ...interval };
  };
  return Object.fromEntries(metrics.map((metric, at) => [metric.name, of(metric, at)]));
}

/** The variance of a value over cases, from its values with cases left out. */
export const caseVariance = (leftOut: Float64Array) => ({
  variance: jackknifeVariance(leftOut),
  freedom: Math.max(1, leftOut.length - 1),
});
