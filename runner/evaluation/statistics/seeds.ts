import { createRandom } from "../../util/random.ts";

/** Mean and standard deviation (n - 1) over seeds. The deviation of one value is null. */
export function overSeeds(values: readonly number[]): { readonly mean: number; readonly sd: number | null } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
}

/**
 * Bootstrap values of an answerer with several training seeds. For each resample of the cases, seeds are drawn with
 * replacement, and their values are averaged. `samples[seed]` are the values of one metric, all on the same resamples
 * of cases.
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
