import { createRandom } from "../../util/random.ts";

/** Mean and standard deviation (n - 1) over seeds, beside every value. The deviation of one value is unknown: null. */
export function overSeeds(values: readonly number[]): { readonly mean: number; readonly sd: number | null } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
}

/**
 * Bootstrap values of an answerer that was trained with several seeds: for each sample of cases, seeds are drawn with
 * replacement too, and their values averaged. `samples[seed]` are one metric's values, all on the same samples of cases.
 */
export function averageSeeds(samples: readonly Float64Array[], seed: number): Float64Array {
  const random = createRandom(seed);
  const [first] = samples;
  if (first === undefined) throw new RangeError("no seed to average over");
  if (samples.length === 1) return first;
  return first.map((_, sample) => {
    let sum = 0;
    for (let drawn = 0; drawn < samples.length; drawn++) {
      sum += (samples[random.below(samples.length)] as Float64Array)[sample] as number;
    }
    return sum / samples.length;
  });
}
