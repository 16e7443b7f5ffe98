import { type Metric, type PreferredInterval, rangeOf } from "../../plugins/metrics/metric.ts";
import { type Interval, resampledInterval, studentInterval } from "./interval.ts";
import { detectableDifference } from "./power.ts";
import { overSeeds, seedError } from "./seeds.ts";
import { caseVariance, type Side } from "./side.ts";

/** The untrained and the trained answerer of one model. */
export type Gain = { readonly from: string; readonly to: string };

/** A planned comparison of two gains: whether training gains more for the model of `a`. */
export type GainPair = { readonly a: Gain; readonly b: Gain };

/** The difference of two gains in the primary metric: (a.to - a.from) - (b.to - b.from). It is no test of the family. */
export type Interaction = GainPair &
  Interval & {
    readonly difference: number;
    /** As that of a difference. */
    readonly detectable: number | null;
  };

/**
 * The difference of two gains with its interval: paired bootstrap or jackknife over cases; Student's t over seeds and
 * cases. Undefined if an answerer is missing or the metric has no value.
 */
export function interactionOf(
  { a, b }: GainPair,
  sides: ReadonlyMap<string, Side>,
  metric: Metric,
  at: number,
): Interaction | undefined {
  const terms = [
    { side: sides.get(a.to), sign: 1 },
    { side: sides.get(a.from), sign: -1 },
    { side: sides.get(b.to), sign: -1 },
    { side: sides.get(b.from), sign: 1 },
  ].flatMap(({ side, sign }) => (side === undefined ? [] : [{ side, sign }]));
  const [first] = terms;
  if (first === undefined || terms.length < 4) return undefined;
  const sum = (of: (side: Side) => Float64Array): Float64Array =>
    of(first.side).map((_, row) => terms.reduce((all, { side, sign }) => all + sign * (of(side)[row] as number), 0));
  const values = terms.map(({ side }) => side.values[at] as readonly number[]);
  const difference = terms.reduce((all, { sign }, term) => all + sign * overSeeds(values[term] ?? []).mean, 0);
  if (Number.isNaN(difference)) return undefined;
  const leftOut = sum((side) => side.leftOut[at] as Float64Array);
  const preferred = first.side.preferred[at] as PreferredInterval;
  const [low, high] = rangeOf(metric) ?? [];
  const range = low === undefined || high === undefined ? undefined : ([2 * (low - high), 2 * (high - low)] as const);
  const { standardError, freedom } = seedError(caseVariance(leftOut), values);
  const detectable = detectableDifference(standardError, freedom);
  if (typeof preferred === "object") return { a, b, difference, method: "none", reason: preferred.none, detectable };
  const interval = values.some(({ length }) => length > 1)
    ? studentInterval(difference, standardError, freedom, range)
    : resampledInterval(
        { estimate: difference, samples: sum((side) => side.samples[at] as Float64Array), leftOut },
        preferred,
        range,
      );
  return { a, b, difference, ...interval, detectable };
}
