import { createRandom } from "../data/random.ts";
import type { MetricName } from "../metrics/metrics.ts";
import { type Draws, estimates } from "./bootstrap.ts";
import { addAll, counterCount, type Layout, Scorer } from "./layout.ts";

/**
 * Approximate randomisation (Noreen 1989): if two answerers were alike, it would not matter which of them gave which of two
 * answers to a case. Swaps the answers of random halves of the cases and counts how often the difference is as large as the
 * one that was seen. Two-sided p by metric, (1 + as large) / (1 + samples). Both layouts share columns and shapes.
 */
export function randomisation(
  [a, b]: readonly [Layout, Layout],
  names: readonly MetricName[],
  { samples, seed }: Draws,
): readonly number[] {
  const seen = differences(estimates(a, names), estimates(b, names));
  const size = counterCount(a);
  const once = new Int32Array(a.n).fill(1);
  const sumsA = new Int32Array(size);
  const together = new Int32Array(size);
  addAll(a, once, sumsA);
  addAll(a, once, together);
  addAll(b, once, together);
  const moves = movesOf(a, b, size);
  const random = createRandom(seed);
  const [first, second] = [new Int32Array(size), new Int32Array(size)];
  const scorers = [new Scorer(a, names), new Scorer(b, names)] as const;
  const values = [names.map(() => new Float64Array(1)), names.map(() => new Float64Array(1))] as const;
  const asLarge = new Int32Array(names.length);
  for (let sample = 0; sample < samples; sample++) {
    first.set(sumsA);
    swapHalf(moves, first, random.next);
    for (let at = 0; at < size; at++) second[at] = (together[at] as number) - (first[at] as number);
    scorers[0].score(first, values[0], 0);
    scorers[1].score(second, values[1], 0);
    for (let metric = 0; metric < names.length; metric++) {
      const swapped = (values[0][metric]?.[0] as number) - (values[1][metric]?.[0] as number);
      if (Math.abs(swapped) >= Math.abs(seen[metric] as number) - 1e-12) (asLarge[metric] as number) += 1;
    }
  }
  return Array.from(asLarge, (count) => (1 + count) / (1 + samples));
}

function differences(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((value, metric) => value - (b[metric] as number));
}

/** What swapping the answers to a case adds to the first answerer's counters; only cases that were answered differently. */
type Moves = { readonly offsets: Int32Array; readonly counters: Int32Array; readonly by: Int32Array };

function movesOf(a: Layout, b: Layout, size: number): Moves {
  const offsets: number[] = [0];
  const counters: number[] = [];
  const by: number[] = [];
  const change = new Int32Array(size);
  for (let row = 0; row < a.n; row++) {
    const touched = new Set<number>();
    const mark = ({ offsets: starts, counters: all }: Layout, times: number): void => {
      for (let at = starts[row] as number; at < (starts[row + 1] as number); at++) {
        const counter = all[at] as number;
        touched.add(counter);
        (change[counter] as number) += times;
      }
    };
    mark(a, -1);
    mark(b, 1);
    const before = counters.length;
    for (const counter of touched) {
      if (change[counter] !== 0) {
        counters.push(counter);
        by.push(change[counter] as number);
      }
      change[counter] = 0;
    }
    if (counters.length > before) offsets.push(counters.length);
  }
  return { offsets: Int32Array.from(offsets), counters: Int32Array.from(counters), by: Int32Array.from(by) };
}

/** Swaps each case with probability one half; one random number serves 32 cases. */
function swapHalf({ offsets, counters, by }: Moves, sums: Int32Array, next: () => number): void {
  let bits = 0;
  for (let row = 0; row + 1 < offsets.length; row++) {
    if ((row & 31) === 0) bits = (next() * 2 ** 32) >>> 0;
    const swap = (bits >>> (row & 31)) & 1;
    if (swap === 0) continue;
    const end = offsets[row + 1] as number;
    for (let at = offsets[row] as number; at < end; at++) {
      (sums[counters[at] as number] as number) += by[at] as number;
    }
  }
}
