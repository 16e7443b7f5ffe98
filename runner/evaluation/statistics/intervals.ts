import type { Metric, ScoredCases } from "../../plugins/metrics/metric.ts";
import { bootstrap, type Draws, jackknife, type Pause } from "./bootstrap.ts";
import { type Interval, interval } from "./interval.ts";
import { eachDistinct, type Packed, pack } from "./packed.ts";

/** Intervals of metrics by name, each with the resamples and the seed that made it. */
export type Intervals = Readonly<Record<string, Interval & Draws>>;

/**
 * Intervals of metrics for several forms of the same cases, such as the label views. Forms whose metrics are the same
 * are resampled once.
 */
export async function intervalsOf(
  forms: readonly ScoredCases[],
  metrics: readonly Metric[],
  { resamples, seed }: Draws,
  pause?: Pause,
): Promise<readonly Intervals[]> {
  const byForm = eachDistinct(forms, (form) => pack([form], metrics)[0] as Packed);
  const packed = [...new Set(byForm)];
  const drawn = await bootstrap(packed, { resamples, seed }, pause);
  const made = packed.map((one, index): Intervals => {
    const values = one.estimates();
    const leftOut = jackknife(one);
    const of = (metric: number): Interval & Draws => {
      const own = drawn[index]?.[metric] as Float64Array;
      return { ...interval(own, values[metric] as number, leftOut[metric] as Float64Array), resamples, seed };
    };
    return Object.fromEntries(metrics.map(({ name }, metric) => [name, of(metric)]));
  });
  return byForm.map((one) => made[packed.indexOf(one)] as Intervals);
}
