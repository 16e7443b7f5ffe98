import type { Metric, PreferredInterval, ScoredCases } from "../../plugins/metrics/metric.ts";
import { bootstrap, type Draws, jackknife, type Pause } from "./bootstrap.ts";
import { type Interval, type MeasuredCases, metricInterval } from "./interval.ts";
import { type CaseGroups, eachDistinct, type Packed, pack, prepare } from "./packed.ts";

/** Intervals of metrics by name, each with the resamples and the seed that made it. */
export type Intervals = Readonly<Record<string, Interval & Draws>>;

/**
 * Intervals of metrics for several forms of the same cases, such as the label views. Forms whose metrics are the same
 * are resampled once. With `groups`, whole groups are resampled.
 */
export async function intervalsOf(
  forms: readonly ScoredCases[],
  metrics: readonly Metric[],
  { resamples, seed, groups }: Draws & { readonly groups?: CaseGroups | undefined },
  pause?: Pause,
): Promise<readonly Intervals[]> {
  await prepare(forms, metrics, pause);
  const byForm = eachDistinct(forms, (form) => ({ form, packed: pack([form], metrics, groups)[0] as Packed }));
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
    const correct = correctCases(form);
    const counted = { cases: form.n, ...correctUnits(correct, groups) };
    const of = (metric: Metric, at: number): Interval & Draws => {
      const interval = metricInterval({
        metric,
        preferred: methods[at] as PreferredInterval,
        estimate: values[at] as number,
        samples: drawn[index]?.[at] as Float64Array,
        leftOut: leftOut[at] as Float64Array,
        ...counted,
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

/** The numbers of correct cases, and of groups without an incorrect case. */
export function correctUnits(
  correct: readonly boolean[],
  groups: CaseGroups | undefined,
): Pick<MeasuredCases, "correct" | "groups"> {
  const cases = correct.filter(Boolean).length;
  if (groups === undefined) return { correct: cases };
  const wrong = new Set(groups.of.filter((_, row) => correct[row] === false));
  return { correct: cases, groups: { count: groups.count, correct: groups.count - wrong.size } };
}
