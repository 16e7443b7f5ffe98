import { normalCdf, normalQuantile } from "../../util/normal.ts";

/** A confidence interval and its method. */
export type Interval = { readonly low: number; readonly high: number; readonly method: "bca" | "percentile" };

/** Confidence level: the share of intervals that contain the true value. */
export const level = 0.95;

/** The interval between two quantiles of the bootstrap values. */
export function percentileInterval(values: Float64Array): Interval {
  const sorted = values.toSorted();
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2), method: "percentile" };
}

/**
 * Bias-corrected and accelerated interval (Efron 1987). `estimate` is the value on all cases, `leftOut` the values with
 * each case left out. If the correction is undefined (all values on one side of the estimate, or all equal), the
 * percentile interval.
 */
export function interval(values: Float64Array, estimate: number, leftOut: Float64Array): Interval {
  let below = 0;
  let equal = 0;
  for (const value of values) {
    if (Math.abs(value - estimate) <= 1e-12) equal++;
    else if (value < estimate) below++;
  }
  const bias = normalQuantile((below + equal / 2) / values.length);
  const acceleration = accelerationOf(leftOut);
  const at = (share: number): number => {
    const shifted = bias + normalQuantile(share);
    return normalCdf(bias + shifted / (1 - acceleration * shifted));
  };
  const ends = [at((1 - level) / 2), at((1 + level) / 2)];
  if (!ends.every(Number.isFinite) || !Number.isFinite(bias)) return percentileInterval(values);
  const sorted = values.toSorted();
  const [low, high] = ends.map((share) => quantile(sorted, share)) as [number, number];
  return { low, high, method: "bca" };
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
