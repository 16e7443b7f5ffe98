import { createRandom, type Random } from "../../util/random.ts";
import type { Packed } from "./packed.ts";

/** Number of resamples, and the seed from which cases are drawn. */
export type Draws = { readonly resamples: number; readonly seed: number };

/** Values of metrics, one for each resample: `values[metric][resample]`. */
export type Samples = readonly Float64Array[];

/** Lets other work of the process run; awaited about every twenty milliseconds of counting. */
export type Pause = () => Promise<void>;

/** Operations between two pauses. */
const stretch = 10_000_000;

/** Draws as many cases as there are, with replacement: `weights` gets how often each case is drawn (multinomial). */
export function drawCases(random: Random, weights: Int32Array): void {
  weights.fill(0);
  for (let drawn = 0; drawn < weights.length; drawn++) (weights[random.below(weights.length)] as number) += 1;
}

/**
 * Metrics on bootstrap resamples of the cases. Every set is counted on the same resamples, so that the difference of
 * two sets' values is a resample of their difference. All sets have the same cases in the same order. Gives values by
 * set.
 */
export async function bootstrap(
  all: readonly Packed[],
  { resamples, seed }: Draws,
  pause?: Pause,
): Promise<readonly Samples[]> {
  const n = all[0]?.n ?? 0;
  if (all.some((packed) => packed.n !== n)) throw new RangeError("sets of different numbers of cases");
  const random = createRandom(seed);
  const weights = new Int32Array(n);
  const parts = all.map((packed) => ({
    packed,
    sums: packed.sums(),
    values: packed.emptyValues(resamples),
  }));
  const work = all.reduce((sum, packed) => sum + packed.work, n);
  let done = 0;
  for (let sample = 0; sample < resamples; sample++) {
    drawCases(random, weights);
    for (const { packed, sums, values } of parts) {
      for (const one of sums) one.fill(0);
      packed.addAll(weights, sums);
      packed.score(sums, values, sample);
    }
    done += work;
    if (pause !== undefined && done > stretch) {
      done = 0;
      await pause();
    }
  }
  return parts.map(({ values }) => values);
}

/** More cases than this are left out in blocks. */
const leftOut = 10_000;

/**
 * Metrics with each case left out in turn, for the acceleration of BCa. Beyond 10,000 cases, with each of 10,000 blocks
 * of neighbouring cases left out: the skewness of block sums shrinks as the number of blocks does, so the acceleration
 * is kept.
 */
export function jackknife(packed: Packed): Samples {
  const size = Math.max(1, Math.ceil(packed.n / leftOut));
  const blocks = Math.ceil(packed.n / size);
  const sums = packed.whole();
  const values = packed.emptyValues(blocks);
  for (let block = 0; block < blocks; block++) {
    const end = Math.min(packed.n, (block + 1) * size);
    for (let row = block * size; row < end; row++) packed.addUnit(row, -1, sums);
    packed.score(sums, values, block);
    for (let row = block * size; row < end; row++) packed.addUnit(row, 1, sums);
  }
  return values;
}
