import { type Metric, type PreferredInterval, rangeOf } from "../../plugins/metrics/metric.ts";
import { normalCdf, normalQuantile } from "../../util/normal.ts";
import { betaQuantile, studentQuantile } from "../../util/student.ts";
import { caseGroups, isFew } from "./packed.ts";

/** How an interval was computed. */
export type IntervalMethod =
  | "bca"
  | "percentile"
  | "basic"
  | "jackknife"
  | "clopper_pearson"
  | "korn_graubard"
  | "bonett_price"
  | "few_errors"
  | "student_t";

/** A confidence interval and its method; without an interval, the reason. */
export type Interval =
  | { readonly low: number; readonly high: number; readonly method: IntervalMethod }
  | { readonly low?: undefined; readonly high?: undefined; readonly method: "none"; readonly reason: string };

/** Confidence level: the share of intervals that contain the true value. */
export const level = 0.95;

/** With fewer incorrect cases than this, resamples of the cases are too alike for a bootstrap interval. */
export const fewErrors = 7;

/** Rounding of bounds and estimates. */
const tolerance = 1e-9;

type Bounds = readonly [low: number, high: number];
type Candidate = { readonly method: IntervalMethod; readonly bounds: Bounds };

/** The bootstrap values of a metric or difference, its value on all cases, and its values with cases left out. */
export type Resampled = {
  readonly estimate: number;
  readonly samples: Float64Array;
  readonly leftOut: Float64Array;
};

/** What the interval of one metric of one answerer depends on. */
export type MeasuredCases = Resampled & {
  readonly metric: Pick<Metric, "isShareCorrect" | "isShare" | "isUnitScore" | "higherIsBetter" | "range">;
  /** The method that the metric prefers for these cases. */
  readonly preferred: PreferredInterval;
  readonly cases: number;
  readonly correct: number;
  /** Groups of cases that are resampled together: their number, and the number of those without an incorrect case. */
  readonly groups?: { readonly count: number; readonly correct: number } | undefined;
};

/**
 * The interval of a metric over cases: Clopper-Pearson for a share of cases, bounds from the share of incorrect cases if
 * these are few, else the bootstrap or jackknife interval that the metric prefers. With groups, a share of cases has the
 * interval of Korn and Graubard (1998), and the few incorrect units are groups. If most of a few cases are incorrect,
 * their losses vary more than their number: the jackknife applies.
 */
export function metricInterval(of: MeasuredCases): Interval {
  const { metric, estimate, cases, correct, groups } = of;
  if (typeof of.preferred === "object") return { method: "none", reason: of.preferred.none };
  if (lacksValues(of)) return undefinedResamples;
  const [low, high] = rangeOf(metric) ?? [-Infinity, Infinity];
  if ((metric.isShareCorrect || metric.isShare) && cases > 0) {
    if (groups === undefined) {
      const bounds = clopperPearson(metric.isShareCorrect ? correct : Math.round(estimate * cases), cases);
      return firstValid(estimate, [{ method: "clopper_pearson", bounds }]);
    }
    const variance = (estimate * (1 - estimate)) / cases;
    const effective = effectiveCases(cases, groups.count, variance, jackknifeVariance(of.leftOut));
    const bounds = clopperPearson(estimate * effective, effective);
    return firstValid(estimate, [{ method: "korn_graubard", bounds }]);
  }
  const units = groups === undefined ? { cases, correct } : { cases: groups.count, correct: groups.correct };
  const errors = metric.isUnitScore ? fewErrorBounds({ metric, estimate, ...units }) : [];
  const isMostlyWrong = metric.isUnitScore && units.cases < 2 * fewErrors && 2 * units.correct < units.cases;
  const bootstrapped = resampledCandidates(of, of.preferred);
  const isErrorsFirst = of.preferred !== "jackknife" || isFew(groups);
  const ordered = [
    ...(isMostlyWrong ? resampledCandidates(of, "jackknife") : []),
    ...(isErrorsFirst ? [...errors, ...bootstrapped] : [...bootstrapped, ...errors]),
  ];
  return firstValid(
    estimate,
    ordered.map((one) => within(one, low, high)),
  );
}

/**
 * The number of independent cases whose share has the variance that the share has over groups, at most `cases`:
 * `independent` is its variance over independent cases, `grouped` that over groups. The number of groups if the share
 * does not vary. Student's quantiles correct for the number of groups (Korn and Graubard 1998).
 */
function effectiveCases(cases: number, groups: number, independent: number, grouped: number): number {
  if (independent <= 1e-15 || grouped <= 1e-15) return groups;
  const quantile = (units: number): number => studentQuantile(1 - level, Math.max(1, units - 1));
  return Math.max(1, Math.min(cases, ((cases * independent) / grouped) * (quantile(cases) / quantile(groups)) ** 2));
}

/**
 * Bounds of a share of hits: Clopper and Pearson's; if cases have groups, with the number of independent cases that has
 * the variance over groups.
 */
export function shareBounds(
  cases: readonly { readonly isHit: boolean; readonly group?: string | undefined }[],
): Bounds {
  const hits = cases.filter(({ isHit }) => isHit).length;
  const groups = caseGroups(cases.map(({ group }) => group));
  if (groups === undefined) return clopperPearson(hits, cases.length);
  const share = hits / cases.length;
  const residuals = new Float64Array(groups.count);
  for (const [at, group] of groups.of.entries()) (residuals[group] as number) += Number(cases[at]?.isHit) - share;
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0) / cases.length ** 2;
  const variance = (squares * groups.count) / Math.max(1, groups.count - 1);
  const effective = effectiveCases(cases.length, groups.count, (share * (1 - share)) / cases.length, variance);
  return clopperPearson(share * effective, effective);
}

/**
 * The interval of the paired difference of two shares of correct cases, from the numbers of cases that only one answerer
 * has correct, over groups with their variance of the difference.
 */
export function differenceOverGroups(
  onlyA: number,
  onlyB: number,
  cases: number,
  groups: { readonly count: number; readonly variance: number },
): Interval {
  const difference = (onlyA - onlyB) / cases;
  const independent = ((onlyA + onlyB) / cases - difference ** 2) / cases;
  const share = effectiveCases(cases, groups.count, independent, groups.variance) / cases;
  return differenceOfShares(onlyA * share, onlyB * share, cases * share);
}

/**
 * The interval of the paired difference of two shares of correct cases (Bonett and Price 2012), from the numbers of
 * cases that only one answerer has correct.
 */
export function differenceOfShares(onlyA: number, onlyB: number, cases: number): Interval {
  const [a, b] = [(onlyA + 1) / (cases + 2), (onlyB + 1) / (cases + 2)];
  const half = normalQuantile((1 + level) / 2) * Math.sqrt(Math.max(0, a + b - (a - b) ** 2) / (cases + 2));
  const bounds: Bounds = [Math.max(-1, a - b - half), Math.min(1, a - b + half)];
  return firstValid(cases === 0 ? 0 : (onlyA - onlyB) / cases, [{ method: "bonett_price", bounds }]);
}

/** The interval of a difference or any other value over resampled cases, within the range of the value. */
export function resampledInterval(
  of: Resampled,
  preferred: PreferredInterval,
  [low, high]: Bounds = [-Infinity, Infinity],
): Interval {
  if (typeof preferred === "object") return { method: "none", reason: preferred.none };
  if (lacksValues(of)) return undefinedResamples;
  return firstValid(
    of.estimate,
    resampledCandidates(of, preferred).map((one) => within(one, low, high)),
  );
}

const undefinedResamples: Interval = { method: "none", reason: "the metric is undefined for some resamples" };

/** Whether the metric has no value for some of the resamples, or without some case. */
const lacksValues = ({ samples, leftOut }: Resampled): boolean =>
  samples.some(Number.isNaN) || leftOut.some(Number.isNaN);

/** A value with its standard error and degrees of freedom, as a Student t interval within the range of the value. */
export function studentInterval(
  estimate: number,
  standardError: number,
  freedom: number,
  [low, high]: Bounds = [-Infinity, Infinity],
): Interval {
  if (Number.isNaN(standardError)) return undefinedResamples;
  const half = studentQuantile(1 - level, freedom) * standardError;
  return firstValid(estimate, [within({ method: "student_t", bounds: [estimate - half, estimate + half] }, low, high)]);
}

/**
 * Candidates in order of preference. BCa is absent if its correction is undefined. The percentile and the basic
 * interval follow, because a biased bootstrap can exclude the estimate from one of them.
 */
function resampledCandidates(of: Resampled, preferred: Extract<PreferredInterval, string>): readonly Candidate[] {
  if (preferred === "jackknife") return [{ method: "jackknife", bounds: jackknifeBounds(of) }];
  const [low, high] = percentileBounds(of.samples);
  const bca = preferred === "bca" ? bcaBounds(of) : undefined;
  return [
    ...(bca === undefined ? [] : [{ method: "bca" as const, bounds: bca }]),
    { method: "percentile", bounds: [low, high] },
    { method: "basic", bounds: [2 * of.estimate - high, 2 * of.estimate - low] },
  ];
}

/** The first candidate that has a width and contains the estimate; none with the reason if no candidate does. */
function firstValid(estimate: number, candidates: readonly Candidate[]): Interval {
  const wide = candidates.filter(({ bounds: [low, high] }) => Number.isFinite(low + high) && high - low > tolerance);
  if (wide.length === 0) return { method: "none", reason: "the value is the same in all resamples" };
  const found = wide.find(({ bounds }) => contains(bounds, estimate));
  if (found === undefined)
    return { method: "none", reason: "the resamples are biased: no interval contains the value" };
  return checked({ low: found.bounds[0], high: found.bounds[1], method: found.method }, estimate);
}

/** Every interval that is written passes here: one that excludes its own estimate is a bug. */
function checked<I extends Interval>(interval: I, estimate: number): I {
  if (interval.method !== "none" && !contains([interval.low as number, interval.high as number], estimate))
    throw new RangeError(`the interval [${interval.low}, ${interval.high}] excludes its estimate ${estimate}`);
  return interval;
}

function contains([low, high]: Bounds, estimate: number): boolean {
  return low <= estimate + tolerance && estimate <= high + tolerance;
}

function within({ method, bounds: [low, high] }: Candidate, least: number, most: number): Candidate {
  return { method, bounds: [Math.max(least, low), Math.min(most, high)] };
}

/** Exact interval of a proportion (Clopper and Pearson 1934). */
export function clopperPearson(count: number, cases: number): Bounds {
  const tail = (1 - level) / 2;
  return [
    count === 0 ? 0 : betaQuantile(tail, count, cases - count + 1),
    count === cases ? 1 : betaQuantile(1 - tail, count + 1, cases - count),
  ];
}

/**
 * Bounds of a score from 0 to 1 if few cases are incorrect, or if the score is the worst possible. The number of
 * incorrect cases has Clopper-Pearson bounds; each costs the observed loss, or up to the whole case the fewer are
 * observed. Empty if incorrect cases do not explain the loss.
 */
function fewErrorBounds({
  metric,
  estimate,
  cases,
  correct,
}: Pick<MeasuredCases, "metric" | "estimate" | "cases" | "correct">): readonly Candidate[] {
  const loss = metric.higherIsBetter ? 1 - estimate : estimate;
  const asBounds = (least: number, most: number): readonly Candidate[] => [
    { method: "few_errors", bounds: metric.higherIsBetter ? [1 - most, 1 - least] : [least, most] },
  ];
  if (cases === 0) return [];
  if (1 - loss <= tolerance) return asBounds(clopperPearson(cases, cases)[0], 1);
  const wrong = cases - correct;
  if (wrong >= fewErrors || (wrong === 0 && loss > tolerance)) return [];
  const each = wrong === 0 ? 1 : (loss * cases) / wrong;
  if (each > 1.5) return [];
  const [least, most] = clopperPearson(wrong, cases);
  const worst = Math.max(each, each + (1 - each) / (wrong + 1));
  return asBounds(least * each * (wrong / (wrong + 1)), Math.min(1, most * worst));
}

/** The bounds between two quantiles of the bootstrap values. */
function percentileBounds(values: Float64Array): Bounds {
  const sorted = values.toSorted();
  return [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
}

/** Bias-corrected and accelerated bounds (Efron 1987); undefined if the correction is. */
function bcaBounds({ samples, estimate, leftOut }: Resampled): Bounds | undefined {
  let below = 0;
  let equal = 0;
  for (const value of samples) {
    if (Math.abs(value - estimate) <= 1e-12) equal++;
    else if (value < estimate) below++;
  }
  const bias = normalQuantile((below + equal / 2) / samples.length);
  const acceleration = accelerationOf(leftOut);
  const at = (share: number): number => {
    const shifted = bias + normalQuantile(share);
    return normalCdf(bias + shifted / (1 - acceleration * shifted));
  };
  const ends = [at((1 - level) / 2), at((1 + level) / 2)];
  if (!ends.every(Number.isFinite) || !Number.isFinite(bias)) return undefined;
  const sorted = samples.toSorted();
  return ends.map((share) => quantile(sorted, share)) as unknown as Bounds;
}

/** The estimate and Student's quantile times the jackknife standard error. */
function jackknifeBounds({ estimate, leftOut }: Resampled): Bounds {
  const half = studentQuantile(1 - level, Math.max(1, leftOut.length - 1)) * Math.sqrt(jackknifeVariance(leftOut));
  return [estimate - half, estimate + half];
}

/**
 * Variance of a value over samples of the cases, from its values with each case (or block of cases) left out. 0 without
 * cases.
 */
export function jackknifeVariance(leftOut: Float64Array): number {
  const blocks = leftOut.length;
  if (blocks === 0) return 0;
  const mean = leftOut.reduce((sum, value) => sum + value, 0) / blocks;
  return (leftOut.reduce((sum, value) => sum + (value - mean) ** 2, 0) * (blocks - 1)) / blocks;
}

function accelerationOf(leftOut: Float64Array): number {
  let mean = 0;
  for (const value of leftOut) mean += value / leftOut.length;
  let squares = 0;
  let cubes = 0;
  for (const value of leftOut) {
    const difference = mean - value;
    squares += difference ** 2;
    cubes += difference ** 3;
  }
  return squares < 1e-24 ? Number.NaN : cubes / (6 * squares ** 1.5);
}

/** Quantile of sorted values by linear interpolation, as NumPy's default. */
export function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const below = sorted[low] as number;
  const above = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  return below + (above - below) * (at - low);
}
