import { createRandom } from "../../util/random.ts";
import type { MetricName } from "../metrics/metrics.ts";
import { type Draws, estimates, type Pause } from "./bootstrap.ts";
import { addAll, counterCount, type Layout, Scorer } from "./layout.ts";

/** Cases to be counted between two pauses, summed over layouts. */
const stretch = 2_000_000;

/**
 * Approximate randomisation (Noreen 1989): if two answerers were alike, it would not matter which of them gave which of two
 * answers to a case. Swaps the answers of random halves of the cases and counts how often the difference is as large as the
 * one that was seen. Two-sided p by pair and metric, (1 + as large) / (1 + resamples). `pairs` are places in `layouts`, which
 * share columns and shapes. Each layout's half is counted once a sample, whatever the number of its pairs.
 */
export async function randomisation(
  layouts: readonly Layout[],
  pairs: readonly (readonly [a: number, b: number])[],
  names: readonly MetricName[],
  { resamples, seed }: Draws,
  pause?: Pause,
): Promise<readonly (readonly number[])[]> {
  const [shape] = layouts;
  if (shape === undefined) return [];
  const size = counterCount(shape);
  const all = new Int32Array(shape.n).fill(1);
  const arms = layouts.map((layout) => {
    const whole = new Int32Array(size);
    addAll(layout, all, whole);
    return {
      layout,
      whole,
      half: new Int32Array(size),
      scorer: new Scorer(layout, names),
      scores: estimates(layout, names),
    };
  });
  type Arm = (typeof arms)[number];
  const tests = pairs.map(([a, b]) => {
    const [first, second] = [arms[a] as Arm, arms[b] as Arm];
    const seen = first.scores.map((value, metric) => Math.abs(value - (second.scores[metric] as number)) - 1e-12);
    return { first, second, seen, asLarge: new Int32Array(names.length) };
  });
  const random = createRandom(seed);
  const marked = new Int32Array(shape.n);
  const [one, other] = [new Int32Array(size), new Int32Array(size)];
  const values = names.map(() => new Float64Array(2));
  let done = 0;
  for (let sample = 0; sample < resamples; sample++) {
    markHalf(marked, random.next);
    for (const { layout, half } of arms) {
      half.fill(0);
      addAll(layout, marked, half);
    }
    for (const { first, second, seen, asLarge } of tests) {
      for (let at = 0; at < size; at++) {
        const moved = (second.half[at] as number) - (first.half[at] as number);
        one[at] = (first.whole[at] as number) + moved;
        other[at] = (second.whole[at] as number) - moved;
      }
      first.scorer.score(one, values, 0);
      second.scorer.score(other, values, 1);
      for (let metric = 0; metric < names.length; metric++) {
        const both = values[metric] as Float64Array;
        const difference = Math.abs((both[0] as number) - (both[1] as number));
        if (difference >= (seen[metric] as number)) (asLarge[metric] as number) += 1;
      }
    }
    done += shape.n * layouts.length + size * tests.length;
    if (pause !== undefined && done > stretch) {
      done = 0;
      await pause();
    }
  }
  return tests.map(({ asLarge }) => Array.from(asLarge, (count) => (1 + count) / (1 + resamples)));
}

/** Marks each case with probability one half; one random number serves 32 cases. */
function markHalf(marked: Int32Array, next: () => number): void {
  let bits = 0;
  for (let row = 0; row < marked.length; row++) {
    if ((row & 31) === 0) bits = (next() * 2 ** 32) >>> 0;
    marked[row] = (bits >>> (row & 31)) & 1;
  }
}
