import type { Metric, PreferredInterval, ScoredCases } from "../../plugins/metrics/metric.ts";
import { bootstrap, type Draws, jackknife, type Pause } from "./bootstrap.ts";
import { type Interval, metricInterval } from "./interval.ts";
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
  const byForm = eachDistinct(forms, (form) => ({ form, packed: pack([form], metrics)[0] as Packed }));
  const distinct = [...new Set(byForm)];
  const drawn = await bootstrap(
    distinct.map(({ packed }) => packed),
    { resamples, seed },
    pause,
  );
  const made = distinct.map(({ form, packed }, index): Intervals => {
    const values = packed.estimates();
    const leftOut = jackknife(packed);
    const methods = packed.intervalMethods();
    const correct = correctCases(form).filter(Boolean).length;
    const of = (metric: Metric, at: number): Interval & Draws => {
      const interval = metricInterval({
        metric,
        preferred: methods[at] as PreferredInterval,
        estimate: values[at] as number,
        samples: drawn[index]?.[at] as Float64Array,
        leftOut: leftOut[at] as Float64Array,
        cases: form.n,
        correct,
      });
      return { ...interval, resamples, seed };
    };
    return Object.fromEntries(metrics.map((metric, at) => [metric.name, of(metric, at)]));
  });
  return byForm.map((one) => made[distinct.indexOf(one)] as Intervals);
}

/** Whether each case is correct. */
export function correctCases(cases: ScoredCases): readonly boolean[] {
  return Array.from({ length: cases.n }, (_, row) => cases.isCorrect(row));
}
