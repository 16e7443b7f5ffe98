import { type Metric, type PreferredInterval, rangeOf } from "../../plugins/metrics/metric.ts";
import { studentP } from "../../util/student.ts";
import {
  differenceOfShares,
  differenceOverGroups,
  type Interval,
  jackknifeVariance,
  resampledInterval,
  studentInterval,
} from "./interval.ts";
import { groupedExact, type McNemar, mcnemar } from "./mcnemar.ts";
import { detectableDifference } from "./power.ts";
import { overSeeds, seedError } from "./seeds.ts";
import { caseVariance, type Side } from "./side.ts";

/** How one metric of `a` differs from that of `b`, on the same cases. */
export type Difference = Interval & {
  /** a - b */
  readonly difference: number;
  /**
   * Two-sided, by the share of bootstrap differences with the other sign; null if a side is an average over seeds, if
   * the difference is the same in all resamples and not 0, if the metric is undefined for a resample, and for a metric whose resamples are biased, which has no
   * bootstrap interval.
   */
  readonly p_bootstrap: number | null;
  /** Two-sided, by approximate randomisation; null if a side is an average over seeds. */
  readonly p_randomisation: number | null;
  /** Two-sided t test over seeds and cases; null if both sides have one seed. */
  readonly p_student: number | null;
  /**
   * The smallest true difference that these cases (and seeds) show with a power of 80 %; null if the difference does
   * not vary.
   */
  readonly detectable: number | null;
};

/**
 * Two answerers, metric by metric. `exact_match` (the correct cases of both) is null if a side is an average over
 * seeds. Its p value is McNemar's, or that of all swaps of whole groups.
 */
export type Pair = {
  readonly a: string;
  readonly b: string;
  readonly metrics: Readonly<Record<string, Difference>>;
  readonly exact_match: McNemar | null;
};

/** Compares two answerers. `chance` has the p values of the randomisation test, in the order of the metrics. */
export function pairOf(
  [a, b]: readonly [Side, Side],
  metrics: readonly Metric[],
  chance: readonly number[] | undefined,
): Pair {
  const { cases, groups } = a;
  const test = groups === undefined ? mcnemar : (...of: Parameters<typeof mcnemar>) => groupedExact(...of, groups);
  const exact = a.correct && b.correct ? test(a.correct, b.correct) : null;
  const of = (metric: Metric, at: number): Difference => {
    const minus = (from: Float64Array, what: Float64Array): Float64Array =>
      from.map((value, row) => value - (what[row] as number));
    const leftOut = minus(a.leftOut[at] as Float64Array, b.leftOut[at] as Float64Array);
    const [ownValues, otherValues] = [a.values[at] as readonly number[], b.values[at] as readonly number[]];
    const difference = overSeeds(ownValues).mean - overSeeds(otherValues).mean;
    const preferred = a.preferred[at] as PreferredInterval;
    const [low, high] = rangeOf(metric) ?? [];
    const range = low === undefined || high === undefined ? undefined : ([low - high, high - low] as const);
    if (ownValues.length > 1 || otherValues.length > 1) {
      const { standardError, freedom } = seedError(caseVariance(leftOut), [ownValues, otherValues]);
      const interval: Interval =
        typeof preferred === "object"
          ? { method: "none", reason: preferred.none }
          : studentInterval(difference, standardError, freedom, range);
      const p = Number.isNaN(standardError)
        ? 1
        : standardError <= 1e-12
          ? signTest(difference, groups?.count ?? cases)
          : studentP(difference / standardError, freedom);
      const detectable = detectableDifference(standardError, freedom);
      return { difference, ...interval, p_bootstrap: null, p_randomisation: null, p_student: p, detectable };
    }
    const { variance, freedom } = caseVariance(leftOut);
    const samples = minus(a.samples[at] as Float64Array, b.samples[at] as Float64Array);
    const interval =
      metric.isShareCorrect && exact !== null
        ? groups === undefined
          ? differenceOfShares(exact.only_a, exact.only_b, cases)
          : differenceOverGroups(exact.only_a, exact.only_b, cases, {
              count: groups.count,
              variance: jackknifeVariance(leftOut),
            })
        : resampledInterval({ estimate: difference, samples, leftOut }, preferred, range);
    return {
      difference,
      ...interval,
      p_bootstrap: preferred === "bca" || preferred === "percentile" ? signChange(samples) : null,
      p_randomisation: chance?.[at] ?? null,
      p_student: null,
      detectable: detectableDifference(Math.sqrt(variance), freedom),
    };
  };
  return {
    a: a.name,
    b: b.name,
    // Without a value of both, there is no difference.
    metrics: Object.fromEntries(
      metrics.flatMap((metric, at) =>
        [a, b].some(({ values }) => values[at]?.some(Number.isNaN)) ? [] : [[metric.name, of(metric, at)]],
      ),
    ),
    exact_match: exact,
  };
}

/** Two-sided sign test of a difference that is the same without any unit (case or group): all units have its sign. */
function signTest(difference: number, units: number): number {
  return difference === 0 ? 1 : Math.min(1, 2 ** (1 - units));
}

/**
 * Twice the smaller share of values on one side of 0. Each side counts one value more, so that p is never 0. null if
 * all values are equal and not 0, which does not show how the difference varies, or if one is NaN.
 */
function signChange(samples: Float64Array): number | null {
  if (samples.some(Number.isNaN)) return null;
  const [first = 0] = samples;
  if (Math.abs(first) > 1e-12 && samples.every((value) => Math.abs(value - first) <= 1e-12)) return null;
  let below = 1;
  let above = 1;
  for (const value of samples) {
    if (value <= 1e-12) below++;
    if (value >= -1e-12) above++;
  }
  return Math.min(1, (2 * Math.min(below, above)) / (samples.length + 1));
}
