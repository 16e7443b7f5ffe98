import type { CounterSet } from "../../plugins/metrics/metric.ts";

/** The columns that the label sets of cases are drawn from. */
export type LabelSpace = {
  /** Column -> label, in code-unit order. */
  readonly labels: readonly string[];
  /** Number of columns: one for each label, and one for predictions outside a fixed space. */
  readonly columns: number;
  /** The column of predictions outside a fixed space; undefined if the space is gold union predicted. */
  readonly outOfSet: number | undefined;
};

/**
 * The label set of one side of a case, as columns. The out-of-set column occurs once for each prediction outside the
 * space.
 */
export type Columns = Int32Array;

/** What label metrics are computed from: counts by column, and sums over cases. */
export type Counts = {
  /** Cases. */
  readonly n: number;
  /** Size of the label space, the out-of-set column included. */
  readonly columns: number;
  /** By column in use: cases whose gold, whose prediction, and whose gold and prediction have it. */
  readonly support: Float64Array;
  readonly predicted: Float64Array;
  readonly hits: Float64Array;
  /** Columns of the space that no case of the whole set has, in gold or prediction. Macro averages count them as 0. */
  readonly absent: number;
  /** Sums of the three over all columns. */
  readonly total: { readonly support: number; readonly predicted: number; readonly hits: number };
  /** Sums over cases of the scores of single cases; an undefined one (0 / 0) is 0. */
  readonly cases: {
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly jaccard: number;
    readonly exact: number;
  };
};

/** Offsets of the three counters of a column: the label is in both sets, in gold alone, in the prediction alone. */
const [hit, missed, added] = [0, 1, 2] as const;

/**
 * The counters of label metrics. Each column in use has three. Each shape of a case (sizes of gold, prediction and of
 * what they share) has one, from which averages over cases follow. All amounts are 1, so sums are exact.
 *
 * A column that resampled cases lack is left out of macro averages, unless the whole set lacks it: a label that a
 * resample happens to lack has no score there, rather than a score of 0.
 */
export const labelCounters: CounterSet<Columns, Columns, Counts, LabelSpace> = {
  open({ columns }) {
    const first = new Int32Array(columns).fill(-1);
    const shapes: {
      readonly counter: number;
      readonly gold: number;
      readonly predicted: number;
      readonly both: number;
    }[] = [];
    const shapeCounters = new Map<number, number>();
    const seen = new Int32Array(columns).fill(-1);
    let row = 0;
    let next = 0;
    const counterOf = (column: number): number => {
      let counter = first[column] as number;
      if (counter < 0) {
        counter = next;
        first[column] = counter;
        next += 3;
      }
      return counter;
    };
    const shapeOf = (gold: number, predicted: number, both: number): number => {
      const key = (gold * 2 ** 17 + predicted) * 2 ** 17 + both;
      let counter = shapeCounters.get(key);
      if (counter === undefined) {
        counter = next++;
        shapeCounters.set(key, counter);
        shapes.push({ counter, gold, predicted, both });
      }
      return counter;
    };
    return {
      contribute(gold, predicted, add) {
        const inGold = row++ * 2;
        const inBoth = inGold + 1;
        let both = 0;
        for (let at = 0; at < gold.length; at++) seen[gold[at] as number] = inGold;
        for (let at = 0; at < predicted.length; at++) {
          const column = predicted[at] as number;
          const isHit = (seen[column] as number) === inGold;
          if (isHit) {
            seen[column] = inBoth;
            both++;
          }
          add(counterOf(column) + (isHit ? hit : added));
        }
        for (let at = 0; at < gold.length; at++) {
          const column = gold[at] as number;
          if ((seen[column] as number) === inGold) add(counterOf(column) + missed);
        }
        add(shapeOf(gold.length, predicted.length, both));
      },
      size: () => next,
      reader(whole) {
        // In the order of the columns, so that averages do not depend on the order of the cases.
        const used = Int32Array.from(first.filter((counter) => counter >= 0));
        const inWhole = used.filter((counter) =>
          [hit, missed, added].some((of) => (whole[counter + of] as number) > 0),
        );
        return readerOf(used, shapes, columns, columns - inWhole.length);
      },
    };
  },
};

type Shape = { readonly counter: number; readonly gold: number; readonly predicted: number; readonly both: number };
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends number | Float64Array ? T[K] : Mutable<T[K]> };

/** Turns summed counters into counts, in memory that every call uses again. */
function readerOf(used: Int32Array, shapes: readonly Shape[], columns: number, absent: number) {
  const counts: Mutable<Counts> = {
    n: 0,
    columns,
    support: new Float64Array(used.length),
    predicted: new Float64Array(used.length),
    hits: new Float64Array(used.length),
    absent,
    total: { support: 0, predicted: 0, hits: 0 },
    cases: { precision: 0, recall: 0, f1: 0, jaccard: 0, exact: 0 },
  };
  const { support, predicted, hits, total, cases } = counts;
  return (sums: Float64Array): Counts => {
    let allHits = 0;
    let allMissed = 0;
    let allAdded = 0;
    for (let at = 0; at < used.length; at++) {
      const counter = used[at] as number;
      const both = sums[counter + hit] as number;
      const onlyGold = sums[counter + missed] as number;
      const onlyPredicted = sums[counter + added] as number;
      hits[at] = both;
      support[at] = both + onlyGold;
      predicted[at] = both + onlyPredicted;
      allHits += both;
      allMissed += onlyGold;
      allAdded += onlyPredicted;
    }
    total.hits = allHits;
    total.support = allHits + allMissed;
    total.predicted = allHits + allAdded;
    counts.n = cases.precision = cases.recall = cases.f1 = cases.jaccard = cases.exact = 0;
    for (let at = 0; at < shapes.length; at++) {
      const { counter, gold, predicted: given, both } = shapes[at] as Shape;
      const weight = sums[counter] as number;
      if (weight === 0) continue;
      counts.n += weight;
      if (gold === both && given === both) cases.exact += weight;
      if (both === 0) continue;
      cases.precision += (weight * both) / given;
      cases.recall += (weight * both) / gold;
      cases.f1 += (weight * 2 * both) / (gold + given);
      cases.jaccard += (weight * both) / (gold + given - both);
    }
    return counts;
  };
}
