import type { Metric, PreferredInterval, ScoredCases } from "../../plugins/metrics/metric.ts";
import { studentP } from "../../util/student.ts";
import { bootstrap, type Draws, jackknife, type Pause, type Samples } from "./bootstrap.ts";
import { holm } from "./holm.ts";
import {
  differenceOfShares,
  differenceOverGroups,
  type Interval,
  jackknifeVariance,
  metricInterval,
  resampledInterval,
  studentInterval,
} from "./interval.ts";
import { correctCases, correctUnits } from "./intervals.ts";
import { groupedExact, type McNemar, mcnemar } from "./mcnemar.ts";
import { type CaseGroups, noValueReason, type Packed, pack } from "./packed.ts";
import { detectableDifference } from "./power.ts";
import { randomisation } from "./randomisation.ts";
import { averageSeeds, overSeeds, seedError } from "./seeds.ts";

/** An answerer and its scored cases, one set for each seed that it was trained with. */
export type ScoredArm = { readonly name: string; readonly seeds: readonly ScoredCases[] };

/**
 * A metric of one answerer. `seeds` (the value of each) and `sd` (over seeds) are present if there are several seeds.
 */
export type Measured = Interval & {
  /** null if the metric has no meaning for these cases; the interval then has the reason. */
  readonly value: number | null;
  readonly seeds?: readonly number[];
  readonly sd?: number | null;
};

/** How one metric of `a` differs from that of `b`, on the same cases. */
export type Difference = Interval & {
  /** a - b */
  readonly difference: number;
  /**
   * Two-sided, by the share of bootstrap differences with the other sign; null if a side is an average over seeds, if
   * the difference is the same in all resamples and not 0, and for a metric whose resamples are biased, which has no
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

/** A planned test of two answerers, neither of which is the subject: what training gains, or what another model does. */
export type Contrast = { readonly a: string; readonly b: string; readonly of: "training" | "model" };

/** The untrained and the trained answerer of one model. */
export type Gain = { readonly from: string; readonly to: string };

/** A planned comparison of two gains: whether training gains more for the model of `a`. */
export type GainPair = { readonly a: Gain; readonly b: Gain };

/** What is planned before the run in addition to the tests of the subject. */
export type Planned = { readonly contrasts: readonly Contrast[]; readonly interactions: readonly GainPair[] };

/** A test of a family with its p value, and that value by Holm's method over the whole family. */
type FamilyTest = {
  readonly test:
    | "approximate randomisation"
    | "exact McNemar"
    | "exact randomisation of groups"
    | "t test over seeds and cases";
  readonly p: number;
  readonly adjusted: number;
};

/**
 * The family of planned tests, in the primary metric, with Holm's correction over all of them: one answerer against
 * each other answerer, and the planned contrasts.
 */
export type Family = {
  readonly subject: string;
  readonly metric: string;
  readonly correction: "holm";
  readonly tests: readonly (FamilyTest & { readonly against: string })[];
  /** Absent if none are planned. */
  readonly contrasts?: readonly (FamilyTest & Contrast)[];
};

/** The difference of two gains in the primary metric: (a.to - a.from) - (b.to - b.from). It is no test of the family. */
export type Interaction = GainPair &
  Interval & {
    readonly difference: number;
    /** As that of a difference. */
    readonly detectable: number | null;
  };

/** All tests of a family, which Holm's method corrects for: those of the subject, then the contrasts. */
export const plannedTests = ({
  subject,
  tests,
  contrasts = [],
}: Family): readonly (FamilyTest & { readonly a: string; readonly b: string })[] => [
  ...tests.map((test) => ({ ...test, a: subject, b: test.against })),
  ...contrasts,
];

/** Answerers compared on the same cases. */
export type Compared = {
  readonly arms: Readonly<Record<string, Readonly<Record<string, Measured>>>>;
  readonly pairs: readonly Pair[];
  readonly family: Family;
  /** Absent if none are planned. */
  readonly interactions?: readonly Interaction[];
};

/** How answerers are compared. */
export type CompareOptions = {
  /** The answerer that the family of tests is about. */
  readonly subject: string;
  readonly metrics: readonly Metric[];
  /** The name of one of `metrics`. */
  readonly primary: string;
  readonly bootstrap: Draws;
  /** What is tested in addition to the subject against each other answerer. */
  readonly planned?: Planned | undefined;
  /** Groups of cases that are resampled, left out and swapped together. Absent: cases are independent. */
  readonly groups?: CaseGroups | undefined;
};

/** Offset from the seed of the bootstrap, so that randomisation does not repeat its numbers. */
const randomisationOffset = 2;

/**
 * Compares answerers on the same cases over one space: each metric with its interval, every pair by paired bootstrap,
 * approximate randomisation and exact McNemar, and one family of tests.
 */
export async function compareAll(
  arms: readonly ScoredArm[],
  { subject, metrics, primary, bootstrap: draws, groups, planned }: CompareOptions,
  pause?: Pause,
): Promise<Compared> {
  const packed = pack(
    arms.flatMap(({ seeds }) => seeds),
    metrics,
    groups,
  );
  const drawn = [...(await bootstrap(packed, draws, pause))];
  const rest = [...packed];
  const sides = arms.map(({ name, seeds }): Side => {
    const own = rest.splice(0, seeds.length);
    const samples = drawn.splice(0, seeds.length);
    const values = own.map((one) => one.estimates());
    const without = own.map(jackknife);
    const [first] = seeds;
    const average = (of: readonly Samples[], metric: number): Float64Array =>
      averageSeeds(of.map((one) => one[metric] as Float64Array));
    return {
      name,
      packed: own.length === 1 ? own[0] : undefined,
      cases: first?.n ?? 0,
      groups,
      correct: own.length === 1 && first !== undefined ? correctCases(first) : undefined,
      preferred: (own[0] as Packed).intervalMethods(),
      values: metrics.map((_, metric) => values.map((one) => one[metric] as number)),
      samples: metrics.map((_, metric) => average(samples, metric)),
      leftOut: metrics.map((_, metric) => average(without, metric)),
    };
  });

  const couples = sides.flatMap((side, index) =>
    sides
      .slice(index + 1)
      .map((other): readonly [Side, Side] => (other.name === subject ? [other, side] : [side, other])),
  );
  const single = sides.filter(({ packed }) => packed !== undefined);
  const tested = couples.filter((couple) => couple.every((side) => single.includes(side)));
  const chances = await randomisation(
    single.map((side) => side.packed as Packed),
    tested.map(([a, b]) => [single.indexOf(a), single.indexOf(b)]),
    { resamples: draws.resamples, seed: draws.seed + randomisationOffset },
    pause,
  );
  const pairs = couples.map((couple) => pairOf(couple, metrics, chances[tested.indexOf(couple)]));
  const isShareCorrect = metrics.some(({ name, isShareCorrect }) => name === primary && isShareCorrect === true);
  const place = metrics.findIndex(({ name }) => name === primary);
  const sideOf = new Map(sides.map((side) => [side.name, side]));
  const interactions = (planned?.interactions ?? []).flatMap(
    (one) => interactionOf(one, sideOf, metrics[place] as Metric, place) ?? [],
  );
  return {
    arms: Object.fromEntries(sides.map((side) => [side.name, measured(side, metrics)])),
    pairs,
    ...(interactions.length === 0 ? {} : { interactions }),
    family: familyOf(pairs, {
      ...{ subject, metric: primary, contrasts: planned?.contrasts ?? [] },
      exactTest: isShareCorrect
        ? groups === undefined
          ? "exact McNemar"
          : "exact randomisation of groups"
        : undefined,
    }),
  };
}

/**
 * One answerer: by metric, its value for each seed, its bootstrap values, and its values with cases left out, both
 * averaged over seeds.
 */
type Side = {
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

function measured(side: Side, metrics: readonly Metric[]): Record<string, Measured> {
  const of = (metric: Metric, at: number): Measured => {
    const own = side.values[at] as readonly number[];
    const { mean: value, sd } = overSeeds(own);
    const preferred = side.preferred[at] as PreferredInterval;
    if (Number.isNaN(value)) return { value: null, method: "none", reason: noValueReason(preferred) };
    const leftOut = side.leftOut[at] as Float64Array;
    if (own.length > 1) {
      if (typeof preferred === "object") return { value, method: "none", reason: preferred.none, seeds: own, sd };
      const { standardError, freedom } = seedError(caseVariance(leftOut), [own]);
      const interval = studentInterval(value, standardError, freedom, isBounded(metric) ? [0, 1] : undefined);
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

const isBounded = ({ isUnitScore, isShareCorrect }: Metric): boolean => isUnitScore === true || isShareCorrect === true;

const caseVariance = (leftOut: Float64Array) => ({
  variance: jackknifeVariance(leftOut),
  freedom: Math.max(1, leftOut.length - 1),
});

function pairOf(
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
    const range = isBounded(metric) ? ([-1, 1] as const) : undefined;
    if (ownValues.length > 1 || otherValues.length > 1) {
      const { standardError, freedom } = seedError(caseVariance(leftOut), [ownValues, otherValues]);
      const interval: Interval =
        typeof preferred === "object"
          ? { method: "none", reason: preferred.none }
          : studentInterval(difference, standardError, freedom, range);
      const p =
        standardError <= 1e-12
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
 * all values are equal and not 0: they do not show how the difference varies.
 */
function signChange(samples: Float64Array): number | null {
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

/**
 * The difference of two gains with its interval: paired bootstrap or jackknife over cases; Student's t over seeds and
 * cases. Undefined if an answerer is missing or the metric has no value.
 */
function interactionOf(
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
  const range = isBounded(metric) ? ([-2, 2] as const) : undefined;
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

function familyOf(
  pairs: readonly Pair[],
  {
    subject,
    metric,
    exactTest,
    contrasts,
  }: Pick<Family, "subject" | "metric"> & {
    /** The test of the numbers of correct cases, if the metric is their share. */
    readonly exactTest: "exact McNemar" | "exact randomisation of groups" | undefined;
    readonly contrasts: readonly Contrast[];
  },
): Family {
  const testOf = ({ metrics, exact_match }: Pair): Pick<FamilyTest, "test" | "p"> => {
    const { p_student, p_randomisation } = metrics[metric] as Difference;
    if (exactTest !== undefined && exact_match) return { test: exactTest, p: exact_match.p };
    return p_student === null
      ? { test: "approximate randomisation", p: p_randomisation as number }
      : { test: "t test over seeds and cases", p: p_student };
  };
  const known = pairs.filter(({ metrics }) => metrics[metric] !== undefined);
  const own = known.filter(({ a }) => a === subject).map((pair) => ({ against: pair.b, ...testOf(pair) }));
  const further = contrasts.flatMap((contrast) => {
    const pair = known.find(({ a, b }) => [a, b].includes(contrast.a) && [a, b].includes(contrast.b));
    return pair === undefined ? [] : [{ ...contrast, ...testOf(pair) }];
  });
  const adjusted = holm([...own, ...further].map(({ p }) => p));
  return {
    subject,
    metric,
    correction: "holm",
    tests: own.map((test, index) => ({ ...test, adjusted: adjusted[index] as number })),
    ...(further.length === 0
      ? {}
      : {
          contrasts: further.map((test, index) => ({ ...test, adjusted: adjusted[own.length + index] as number })),
        }),
  };
}
