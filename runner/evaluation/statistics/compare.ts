import { length } from "../metrics/count.ts";
import type { MetricName } from "../metrics/metrics.ts";
import type { Table } from "../metrics/table.ts";
import { bootstrap, type Draws, estimates, jackknife, type Pause, type Samples } from "./bootstrap.ts";
import { holm } from "./holm.ts";
import { type Interval, interval } from "./interval.ts";
import { columnsInUse, type Layout, layOut, Shapes } from "./layout.ts";
import { type McNemar, mcnemar } from "./mcnemar.ts";
import { randomisation } from "./randomisation.ts";
import { averageSeeds, overSeeds } from "./seeds.ts";

/** An answerer and its answers as tables, one for each seed that it was trained with. */
export type Contestant = { readonly name: string; readonly seeds: readonly Table[] };

/** A metric of one answerer; `seeds` and `sd` (over seeds) where there is more than one. */
export type Measured = Interval & {
  readonly value: number;
  readonly seeds?: readonly number[];
  readonly sd?: number | null;
};

/** How one metric of `a` differs from that of `b`, on the same cases. */
export type Difference = Interval & {
  /** a - b */
  readonly difference: number;
  /** Two-sided, by the share of bootstrap differences on the other side of 0. */
  readonly p_bootstrap: number;
  /** Two-sided, by approximate randomisation; null where a side is an average over seeds. */
  readonly p_randomisation: number | null;
};

/** Two answerers, metric by metric; `exact_match` is null where a side is an average over seeds. */
export type Pair = {
  readonly a: string;
  readonly b: string;
  readonly metrics: Readonly<Record<string, Difference>>;
  readonly exact_match: McNemar | null;
};

/** The tests that were decided on beforehand: one answerer against each other one, in one metric, corrected by Holm. */
export type Family = {
  readonly subject: string;
  readonly metric: MetricName;
  readonly correction: "holm";
  readonly tests: readonly {
    readonly against: string;
    readonly test: "approximate randomisation" | "exact McNemar" | "paired bootstrap";
    readonly p: number;
    readonly adjusted: number;
  }[];
};

/** Answerers side by side. */
export type Compared = {
  readonly arms: Readonly<Record<string, Readonly<Record<string, Measured>>>>;
  readonly pairs: readonly Pair[];
  readonly family: Family;
};

/** What is compared, and how. */
export type Comparing = {
  /** The answerer that the family of tests is about. */
  readonly subject: string;
  readonly names: readonly MetricName[];
  /** One of `names`. */
  readonly primary: MetricName;
  readonly bootstrap: Draws;
};

/** Seeds of draws that must not repeat each other's numbers. */
const offset = { seeds: 1, randomisation: 2 };

/**
 * Compares answerers on the same cases, given as tables with the same columns: each metric with its interval, every pair by
 * paired bootstrap, approximate randomisation and exact McNemar, and one family of tests.
 */
export async function compareAll(
  contestants: readonly Contestant[],
  { subject, names, primary, bootstrap: draws }: Comparing,
  pause?: Pause,
): Promise<Compared> {
  const shapes = new Shapes();
  const places = columnsInUse(contestants.flatMap(({ seeds }) => seeds));
  const layouts = contestants.map(({ seeds }) => seeds.map((table) => layOut(table, shapes, places)));
  const drawn = [...(await bootstrap(layouts.flat(), names, draws, pause))];
  const sides = contestants.map(({ name, seeds }, index): Side => {
    const own = layouts[index] as readonly Layout[];
    const samples = drawn.splice(0, own.length);
    const values = own.map((layout) => estimates(layout, names));
    const without = own.map((layout) => jackknife(layout, names));
    return {
      name,
      layout: own.length === 1 ? own[0] : undefined,
      right: own.length === 1 ? exactly(seeds[0] as Table) : undefined,
      values: names.map((_, metric) => values.map((one) => one[metric] as number)),
      samples: names.map((_, metric) =>
        averageSeeds(
          samples.map((one) => one[metric] as Float64Array),
          draws.seed + offset.seeds + index,
        ),
      ),
      leftOut: names.map((_, metric) => mean(without.map((one) => one[metric] as Float64Array))),
    };
  });

  const couples = sides.flatMap((side, index) =>
    sides
      .slice(index + 1)
      .map((other): readonly [Side, Side] => (other.name === subject ? [other, side] : [side, other])),
  );
  const single = sides.filter(({ layout }) => layout !== undefined);
  const tested = couples.filter((couple) => couple.every((side) => single.includes(side)));
  const chances = await randomisation(
    single.map(({ layout }) => layout as Layout),
    tested.map(([a, b]) => [single.indexOf(a), single.indexOf(b)]),
    names,
    { resamples: draws.resamples, seed: draws.seed + offset.randomisation },
    pause,
  );
  const pairs = couples.map((couple) => pairOf(couple, names, chances[tested.indexOf(couple)]));
  const arms = sides.map((side) => [side.name, measured(side, names)] as const);
  return { arms: Object.fromEntries(arms), pairs, family: familyOf(pairs, subject, primary) };
}

/** One answerer, counted: by metric, its value for each seed, its bootstrap values, and those with cases left out. */
type Side = {
  readonly name: string;
  readonly layout: Layout | undefined;
  readonly right: readonly boolean[] | undefined;
  readonly values: readonly (readonly number[])[];
  readonly samples: Samples;
  readonly leftOut: Samples;
};

function measured({ values, samples, leftOut }: Side, names: readonly MetricName[]): Record<string, Measured> {
  const of = (metric: number): Measured => {
    const own = values[metric] as readonly number[];
    const { mean: value, sd } = overSeeds(own);
    const range = interval(samples[metric] as Float64Array, value, leftOut[metric] as Float64Array);
    return { value, ...range, ...(own.length > 1 ? { seeds: own, sd } : {}) };
  };
  return Object.fromEntries(names.map((name, metric) => [name, of(metric)]));
}

function pairOf(
  [a, b]: readonly [Side, Side],
  names: readonly MetricName[],
  chance: readonly number[] | undefined,
): Pair {
  const of = (metric: number): Difference => {
    const minus = (from: Float64Array, what: Float64Array): Float64Array =>
      from.map((value, at) => value - (what[at] as number));
    const samples = minus(a.samples[metric] as Float64Array, b.samples[metric] as Float64Array);
    const leftOut = minus(a.leftOut[metric] as Float64Array, b.leftOut[metric] as Float64Array);
    const value = overSeeds(a.values[metric] as number[]).mean - overSeeds(b.values[metric] as number[]).mean;
    return {
      difference: value,
      ...interval(samples, value, leftOut),
      p_bootstrap: otherSide(samples),
      p_randomisation: chance?.[metric] ?? null,
    };
  };
  return {
    a: a.name,
    b: b.name,
    metrics: Object.fromEntries(names.map((name, metric) => [name, of(metric)])),
    exact_match: a.right && b.right ? mcnemar(a.right, b.right) : null,
  };
}

/** Twice the smaller share of values on one side of 0, each side with one value more, so that p is never 0. */
function otherSide(samples: Float64Array): number {
  let below = 1;
  let above = 1;
  for (const value of samples) {
    if (value <= 1e-12) below++;
    if (value >= -1e-12) above++;
  }
  return Math.min(1, (2 * Math.min(below, above)) / (samples.length + 1));
}

function familyOf(pairs: readonly Pair[], subject: string, metric: MetricName): Family {
  const tests = pairs
    .filter(({ a }) => a === subject)
    .map(({ b, metrics, exact_match }) => {
      const { p_bootstrap, p_randomisation } = metrics[metric] as Difference;
      if (metric === "exact_match" && exact_match) {
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

/** Whether each case's prediction is exactly gold. */
function exactly(table: Table): readonly boolean[] {
  return Array.from({ length: table.n }, (_, row) => {
    const both = length(table.hits, row);
    return length(table.gold, row) === both && length(table.pred, row) === both;
  });
}

function mean(all: readonly Float64Array[]): Float64Array {
  const [first] = all as readonly [Float64Array, ...Float64Array[]];
  return first.map((_, at) => all.reduce((sum, one) => sum + (one[at] as number), 0) / all.length);
}
