import { createRandom, type Random } from "../../util/random.ts";
import type { MetricName } from "../metrics/metrics.ts";
import { addAll, addCase, counterCount, type Layout, Scorer } from "./layout.ts";

/** How often and from which seed cases are drawn. */
export type Draws = { readonly resamples: number; readonly seed: number };

/** Values of metrics, one a sample: `values[metric][sample]`. */
export type Samples = readonly Float64Array[];

/** Lets other work of the process go on; awaited about every twenty milliseconds of counting. */
export type Pause = () => Promise<void>;

/** Counters to be added to between two pauses. */
const stretch = 10_000_000;

/** Draws as many cases as there are, with replacement: `weights` becomes how often each is in the sample (multinomial). */
export function drawCases(random: Random, weights: Int32Array): void {
  weights.fill(0);
  for (let drawn = 0; drawn < weights.length; drawn++) (weights[random.below(weights.length)] as number) += 1;
}

/**
 * Metrics of tables on bootstrap samples of their cases. Every table is counted on the same samples, so that the difference
 * of two tables' values is a sample of their difference. All tables have the same cases in the same order.
 */
export async function bootstrap(
  layouts: readonly Layout[],
  names: readonly MetricName[],
  { resamples, seed }: Draws,
  pause?: Pause,
): Promise<readonly Samples[]> {
  const n = layouts[0]?.n ?? 0;
  if (layouts.some((layout) => layout.n !== n)) throw new RangeError("tables of different numbers of cases");
  const random = createRandom(seed);
  const weights = new Int32Array(n);
  const parts = layouts.map((layout) => ({
    layout,
    scorer: new Scorer(layout, names),
    sums: new Int32Array(counterCount(layout)),
    values: names.map(() => new Float64Array(resamples)),
  }));
  const work = layouts.reduce((sum, { counters, columns }) => sum + counters.length + 3 * columns, n);
  let done = 0;
  for (let sample = 0; sample < resamples; sample++) {
    drawCases(random, weights);
    for (const { layout, scorer, sums, values } of parts) {
      sums.fill(0);
      addAll(layout, weights, sums);
      scorer.score(sums, values, sample);
    }
    done += work;
    if (pause !== undefined && done > stretch) {
      done = 0;
      await pause();
    }
  }
  return parts.map(({ values }) => values);
}

/** Metrics of all cases. */
export function estimates(layout: Layout, names: readonly MetricName[]): readonly number[] {
  const sums = new Int32Array(counterCount(layout));
  addAll(layout, new Int32Array(layout.n).fill(1), sums);
  const values = names.map(() => new Float64Array(1));
  new Scorer(layout, names).score(sums, values, 0);
  return values.map(([value]) => value as number);
}

/** More cases than this are left out in blocks. */
const leftOut = 10_000;

/**
 * Metrics with each case left out in turn, for BCa's acceleration. Beyond 10,000 cases, with each of so many blocks of
 * neighbouring cases left out: the skewness of block sums shrinks by what their number does, so that the acceleration stays.
 */
export function jackknife(layout: Layout, names: readonly MetricName[]): Samples {
  const size = Math.max(1, Math.ceil(layout.n / leftOut));
  const blocks = Math.ceil(layout.n / size);
  const sums = new Int32Array(counterCount(layout));
  addAll(layout, new Int32Array(layout.n).fill(1), sums);
  const values = names.map(() => new Float64Array(blocks));
  const scorer = new Scorer(layout, names);
  for (let block = 0; block < blocks; block++) {
    const end = Math.min(layout.n, (block + 1) * size);
    for (let row = block * size; row < end; row++) addCase(layout, row, -1, sums);
    scorer.score(sums, values, block);
    for (let row = block * size; row < end; row++) addCase(layout, row, 1, sums);
  }
  return values;
}
