import type { Metric, ScoredCases } from "../../plugins/metrics/metric.ts";
import { bootstrap, type Draws, jackknife, type Pause, type Samples } from "./bootstrap.ts";
import { holm } from "./holm.ts";
import { type Interval, interval } from "./interval.ts";
import { type McNemar, mcnemar } from "./mcnemar.ts";
import { type Packed, pack } from "./packed.ts";
import { randomisation } from "./randomisation.ts";
import { averageSeeds, overSeeds } from "./seeds.ts";

/** An answerer and its scored cases, one set for each seed that it was trained with. */
export type ScoredArm = { readonly name: string; readonly seeds: readonly ScoredCases[] };

/**
 * A metric of one answerer. `seeds` (the value of each) and `sd` (over seeds) are present if there are several seeds.
 */
export type Measured = Interval & {
  readonly value: number;
  readonly seeds?: readonly number[];
  readonly sd?: number | null;
};

/** How one metric of `a` differs from that of `b`, on the same cases. */
export type Difference = Interval & {
  /** a - b */
  readonly difference: number;
  /** Two-sided, by the share of bootstrap differences with the other sign. */
  readonly p_bootstrap: number;
  /** Two-sided, by approximate randomisation; null if a side is an average over seeds. */
  readonly p_randomisation: number | null;
};

/**
 * Two answerers, metric by metric. `exact_match` (the correct cases of both) is null if a side is an average over
 * seeds.
 */
export type Pair = {
  readonly a: string;
  readonly b: string;
  readonly metrics: Readonly<Record<string, Difference>>;
  readonly exact_match: McNemar | null;
};

/**
 * The family of planned tests: one answerer against each other answerer, in the primary metric, with Holm's correction.
 */
export type Family = {
  readonly subject: string;
  readonly metric: string;
  readonly correction: "holm";
  readonly tests: readonly {
    readonly against: string;
    readonly test: "approximate randomisation" | "exact McNemar" | "paired bootstrap";
    readonly p: number;
    readonly adjusted: number;
  }[];
};

/** Answerers compared on the same cases. */
export type Compared = {
  readonly arms: Readonly<Record<string, Readonly<Record<string, Measured>>>>;
  readonly pairs: readonly Pair[];
  readonly family: Family;
};

/** How answerers are compared. */
export type CompareOptions = {
  /** The answerer that the family of tests is about. */
  readonly subject: string;
  readonly metrics: readonly Metric[];
  /** The name of one of `metrics`. */
  readonly primary: string;
  readonly bootstrap: Draws;
};

/** Offsets from the seed of the bootstrap, so that other draws do not repeat its numbers. */
const offset = { seeds: 1, randomisation: 2 };

/**
 * Compares answerers on the same cases over one space: each metric with its interval, every pair by paired bootstrap,
 * approximate randomisation and exact McNemar, and one family of tests.
 */
export async function compareAll(
  arms: readonly ScoredArm[],
  { subject, metrics, primary, bootstrap: draws }: CompareOptions,
  pause?: Pause,
): Promise<Compared> {
  const packed = pack(
    arms.flatMap(({ seeds }) => seeds),
    metrics,
  );
  const drawn = [...(await bootstrap(packed, draws, pause))];
  const rest = [...packed];
  const sides = arms.map(({ name, seeds }, index): Side => {
    const own = rest.splice(0, seeds.length);
    const samples = drawn.splice(0, seeds.length);
    const values = own.map((one) => one.estimates());
    const without = own.map(jackknife);
    const [first] = seeds;
    return {
      name,
      packed: own.length === 1 ? own[0] : undefined,
      correct: own.length === 1 && first !== undefined ? correctCases(first) : undefined,
      values: metrics.map((_, metric) => values.map((one) => one[metric] as number)),
      samples: metrics.map((_, metric) =>
        averageSeeds(
          samples.map((one) => one[metric] as Float64Array),
          draws.seed + offset.seeds + index,
        ),
      ),
      leftOut: metrics.map((_, metric) => mean(without.map((one) => one[metric] as Float64Array))),
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
    { resamples: draws.resamples, seed: draws.seed + offset.randomisation },
    pause,
  );
  const names = metrics.map(({ name }) => name);
  const pairs = couples.map((couple) => pairOf(couple, names, chances[tested.indexOf(couple)]));
  const isShareCorrect = metrics.some(({ name, isShareCorrect }) => name === primary && isShareCorrect === true);
  return {
    arms: Object.fromEntries(sides.map((side) => [side.name, measured(side, names)])),
    pairs,
    family: familyOf(pairs, { subject, metric: primary, isShareCorrect }),
  };
}

/** One answerer: by metric, its value for each seed, its bootstrap values, and its values with cases left out. */
type Side = {
  readonly name: string;
  readonly packed: Packed | undefined;
  readonly correct: readonly boolean[] | undefined;
  readonly values: readonly (readonly number[])[];
  readonly samples: Samples;
  readonly leftOut: Samples;
};

function measured({ values, samples, leftOut }: Side, names: readonly string[]): Record<string, Measured> {
  const of = (metric: number): Measured => {
    const own = values[metric] as readonly number[];
    const { mean: value, sd } = overSeeds(own);
    const range = interval(samples[metric] as Float64Array, value, leftOut[metric] as Float64Array);
    return { value, ...range, ...(own.length > 1 ? { seeds: own, sd } : {}) };
  };
  return Object.fromEntries(names.map((name, metric) => [name, of(metric)]));
}

function pairOf([a, b]: readonly [Side, Side], names: readonly string[], chance: readonly number[] | undefined): Pair {
  const of = (metric: number): Difference => {
    const minus = (from: Float64Array, what: Float64Array): Float64Array =>
      from.map((value, at) => value - (what[at] as number));
    const samples = minus(a.samples[metric] as Float64Array, b.samples[metric] as Float64Array);
    const leftOut = minus(a.leftOut[metric] as Float64Array, b.leftOut[metric] as Float64Array);
    const value = overSeeds(a.values[metric] as number[]).mean - overSeeds(b.values[metric] as number[]).mean;
    return {
      difference: value,
      ...interval(samples, value, leftOut),
      p_bootstrap: signChange(samples),
      p_randomisation: chance?.[metric] ?? null,
    };
  };
  return {
    a: a.name,
    b: b.name,
    metrics: Object.fromEntries(names.map((name, metric) => [name, of(metric)])),
    exact_match: a.correct && b.correct ? mcnemar(a.correct, b.correct) : null,
  };
}

/** Twice the smaller share of values on one side of 0. Each side counts one value more, so that p is never 0. */
function signChange(samples: Float64Array): number {
  let below = 1;
  let above = 1;
  for (const value of samples) {
    if (value <= 1e-12) below++;
    if (value >= -1e-12) above++;
  }
  return Math.min(1, (2 * Math.min(below, above)) / (samples.length + 1));
}

function familyOf(
  pairs: readonly Pair[],
  { subject, metric, isShareCorrect }: Pick<Family, "subject" | "metric"> & { readonly isShareCorrect: boolean },
): Family {
  const tests = pairs
    .filter(({ a }) => a === subject)
    .map(({ b, metrics, exact_match }) => {
      const { p_bootstrap, p_randomisation } = metrics[metric] as Difference;
      if (isShareCorrect && exact_match) {
        return { against: b, test: "exact McNemar", p: exact_match.p } as const;
      }
      return p_randomisation === null
        ? ({ against: b, test: "paired bootstrap", p: p_bootstrap } as const)
        : ({ against: b, test: "approximate randomisation", p: p_randomisation } as const);
    });
  const adjusted = holm(tests.map(({ p }) => p));
  return {
    subject,
    metric,
    correction: "holm",
    tests: tests.map((test, index) => ({ ...test, adjusted: adjusted[index] as number })),
  };
}

function correctCases(cases: ScoredCases): readonly boolean[] {
  return Array.from({ length: cases.n }, (_, row) => cases.isCorrect(row));
}

function mean(all: readonly Float64Array[]): Float64Array {
  const [first] = all as readonly [Float64Array, ...Float64Array[]];
  return first.map((_, at) => all.reduce((sum, one) => sum + (one[at] as number), 0) / all.length);
}
