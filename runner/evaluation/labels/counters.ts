import type { CounterSet } from "../../plugins/metrics/metric.ts";

/** The columns that the label sets of cases are drawn from. */
export type LabelSpace = {
  /** Column -> label, in code-unit order. */
  readonly labels: readonly string[];
  /**
   * The first column of predictions outside a fixed space, which have one column for each distinct label; undefined if
   * the space is gold union predicted.
   */
  readonly outOfSet: number | undefined;
  /** A label with fewer gold cases than this is rare. */
  readonly minCases: number;
  /** Column -> basic form of the label, predictions outside the space included. */
  readonly names: readonly string[];
  /** How answers that are nearly right are credited. */
  readonly credit: Credit;
};

/** Settings of partial credit. */
export type Credit = {
  /** The groups of a label; undefined if the study has no groups file. */
  readonly groupsOf?: ((label: string) => readonly string[]) | undefined;
  /** Labels whose edit distance is at most this share of the longer one match softly. */
  readonly softDistance: number;
};

/**
 * The label set of one side of a case, as columns. The prediction of a case whose answer could not be read is the one
 * column -1, which is no label: such a case is never correct.
 */
export type Columns = Int32Array;

/** The prediction of a case whose answer could not be read. */
export const unreadable: Columns = Int32Array.of(-1);

/** What label metrics are computed from: counts by column, and sums over cases. */
export type Counts = {
  /** Cases. */
  readonly n: number;
  /** Distinct labels of gold and predictions, over all cases of the set. */
  readonly distinct: number;
  /** A label with fewer gold cases than this is rare. */
  readonly minCases: number;
  /** By column of the space in use: cases whose gold, whose prediction, and whose gold and prediction have it. */
  readonly support: Float64Array;
  readonly predicted: Float64Array;
  readonly hits: Float64Array;
  /** By column of the space in use: cases of the whole set whose gold has it. The same for every resample. */
  readonly wholeSupport: Float64Array;
  /** Sums of the three over all columns, predictions outside the space included. */
  readonly total: { readonly support: number; readonly predicted: number; readonly hits: number };
  /** Sums over cases of the scores of single cases; an undefined one (0 / 0) is 0. */
  readonly cases: {
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly jaccard: number;
    readonly exact: number;
    /** Cases whose gold and prediction are both empty. */
    readonly empty: number;
  };
};

/** Offsets of the three counters of a column: the label is in both sets, in gold alone, in the prediction alone. */
const [hit, missed, added] = [0, 1, 2] as const;

/** The counter of predictions outside the space. */
const allOutside = 0;

/**
 * The counters of label metrics. Each column of the space in use has three. Predictions outside the space share one
 * counter, and each distinct label among them has a counter that shows whether a set has it. Each shape of a case
 * (sizes of gold, prediction and of what they share) has one, from which averages over cases follow. All amounts are 1,
 * so sums are exact.
 */
export const labelCounters: CounterSet<Columns, Columns, Counts, LabelSpace> = {
  open({ labels, outOfSet, minCases }) {
    const first = new Int32Array(labels.length).fill(-1);
    const outside = new Map<number, number>();
    const shapes: {
      readonly counter: number;
      readonly gold: number;
      readonly predicted: number;
      readonly both: number;
    }[] = [];
    const shapeCounters = new Map<number, number>();
    const seen = new Int32Array(labels.length).fill(-1);
    const border = outOfSet ?? labels.length;
    let row = 0;
    let next = 1;
    const outsideCounter = (column: number): number => {
      let counter = outside.get(column);
      if (counter === undefined) {
        counter = next++;
        outside.set(column, counter);
      }
      return counter;
    };
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
      const key = (gold * 2 ** 17 + predicted + 1) * 2 ** 17 + both;
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
          if (column < 0) continue;
          if (column >= border) {
            add(allOutside);
            add(outsideCounter(column));
            continue;
          }
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
        add(shapeOf(gold.length, predicted[0] === unreadable[0] ? -1 : predicted.length, both));
      },
      size: () => next,
      reader(whole) {
        // In the order of the columns, so that averages do not depend on the order of the cases.
        const used = Int32Array.from(first.filter((counter) => counter >= 0));
        const supportOf = (counter: number): number =>
          (whole[counter + hit] as number) + (whole[counter + missed] as number);
        const inWhole = used.filter((counter) => supportOf(counter) + (whole[counter + added] as number) > 0).length;
        const outsideInWhole = [...outside.values()].filter((counter) => (whole[counter] as number) > 0).length;
        return readerOf(used, shapes, {
          distinct: inWhole + outsideInWhole,
          minCases,
          wholeSupport: Float64Array.from(used, supportOf),
        });
      },
    };
  },
};

/** Sizes of gold, prediction (-1 if it could not be read) and what they share. */
type Shape = { readonly counter: number; readonly gold: number; readonly predicted: number; readonly both: number };
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends number | Float64Array ? T[K] : Mutable<T[K]> };

/** Turns summed counters into counts, in memory that every call uses again. `fixed` does not depend on the sums. */
function readerOf(
  used: Int32Array,
  shapes: readonly Shape[],
  fixed: Pick<Counts, "distinct" | "minCases" | "wholeSupport">,
) {
  const counts: Mutable<Counts> = {
    ...fixed,
    n: 0,
    support: new Float64Array(used.length),
    predicted: new Float64Array(used.length),
    hits: new Float64Array(used.length),
    total: { support: 0, predicted: 0, hits: 0 },
    cases: { precision: 0, recall: 0, f1: 0, jaccard: 0, exact: 0, empty: 0 },
  };
  const { support, predicted, hits, total, cases } = counts;
  return (sums: Float64Array): Counts => {
    let allHits = 0;
    let allMissed = 0;
    let allAdded = sums[allOutside] as number;
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
    counts.n = cases.precision = cases.recall = cases.f1 = cases.jaccard = cases.exact = cases.empty = 0;
    for (let at = 0; at < shapes.length; at++) {
      const { counter, gold, predicted: given, both } = shapes[at] as Shape;
      const weight = sums[counter] as number;
      if (weight === 0) continue;
      counts.n += weight;
      if (gold === both && given === both) cases.exact += weight;
      if (gold === 0 && given === 0) cases.empty += weight;
      if (both === 0) continue;
      cases.precision += (weight * both) / given;
      cases.recall += (weight * both) / gold;
      cases.f1 += (weight * 2 * both) / (gold + given);
      cases.jaccard += (weight * both) / (gold + given - both);
    }
    return counts;
  };
}
