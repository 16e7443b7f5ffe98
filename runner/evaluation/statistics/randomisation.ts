import { createRandom } from "../../util/random.ts";
import type { Draws, Pause } from "./bootstrap.ts";
import type { AllSums, Packed } from "./packed.ts";

/** Operations between two pauses. */
const stretch = 2_000_000;

/**
 * Approximate randomisation (Noreen 1989). Under the null hypothesis, the predictions of two answerers to a case can be
 * swapped. Swaps random halves of the cases, and counts how often the difference is as large as the observed one. Gives
 * two-sided p by pair and metric: (1 + as large) / (1 + resamples). `pairs` are places in `all`, whose sets share their
 * counters. The half of each set is summed once a resample, for any number of pairs.
 */
export async function randomisation(
  all: readonly Packed[],
  pairs: readonly (readonly [a: number, b: number])[],
  { resamples, seed }: Draws,
  pause?: Pause,
): Promise<readonly (readonly number[])[]> {
  const [first] = all;
  if (first === undefined) return [];
  const arms = all.map((packed) => ({
    packed,
    whole: packed.whole(),
    half: packed.sums(),
    scores: packed.estimates(),
  }));
  type Arm = (typeof arms)[number];
  const tests = pairs.map(([a, b]) => {
    const [one, other] = [arms[a] as Arm, arms[b] as Arm];
    const observed = one.scores.map((value, metric) => Math.abs(value - (other.scores[metric] as number)) - 1e-12);
    return { one, other, observed, asLarge: new Int32Array(observed.length) };
  });
  const random = createRandom(seed);
  const marked = new Int32Array(first.n);
  const [ownSums, otherSums] = [first.sums(), first.sums()];
  const size = ownSums.reduce((sum, { length }) => sum + length, 0);
  const values = first.emptyValues(2);
  const metricCount = values.length;
  let done = 0;
  for (let sample = 0; sample < resamples; sample++) {
    markHalf(marked, random.next);
    for (const { packed, half } of arms) {
      for (const sums of half) sums.fill(0);
      packed.addAll(marked, half);
    }
    for (const { one, other, observed, asLarge } of tests) {
      swap(one, other, ownSums, otherSums);
      one.packed.score(ownSums, values, 0);
      other.packed.score(otherSums, values, 1);
      for (let metric = 0; metric < metricCount; metric++) {
        const both = values[metric] as Float64Array;
        const difference = Math.abs((both[0] as number) - (both[1] as number));
        // A resample for which the metric is undefined counts against the difference.
        if (!(difference < (observed[metric] as number))) (asLarge[metric] as number) += 1;
      }
    }
    done += first.n * all.length + (size + 2 * first.valueWork) * tests.length;
    if (pause !== undefined && done > stretch) {
      done = 0;
      await pause();
    }
  }
  return tests.map(({ asLarge }) => Array.from(asLarge, (count) => (1 + count) / (1 + resamples)));
}

type Halved = { readonly whole: AllSums; readonly half: AllSums };

/** Sums of two sets after the marked half of their cases is swapped. */
function swap(one: Halved, other: Halved, ownSums: AllSums, otherSums: AllSums): void {
  for (let part = 0; part < ownSums.length; part++) {
    const [own, theirs] = [ownSums[part] as Float64Array, otherSums[part] as Float64Array];
    const [oneWhole, oneHalf] = [one.whole[part] as Float64Array, one.half[part] as Float64Array];
    const [otherWhole, otherHalf] = [other.whole[part] as Float64Array, other.half[part] as Float64Array];
    for (let at = 0; at < own.length; at++) {
      const moved = (otherHalf[at] as number) - (oneHalf[at] as number);
      own[at] = (oneWhole[at] as number) + moved;
      theirs[at] = (otherWhole[at] as number) - moved;
    }
  }
}

/** Marks each case with probability one half; one random number serves 32 cases. */
function markHalf(marked: Int32Array, next: () => number): void {
  let bits = 0;
  for (let row = 0; row < marked.length; row++) {
    if ((row & 31) === 0) bits = (next() * 2 ** 32) >>> 0;
    marked[row] = (bits >>> (row & 31)) & 1;
  }
}
