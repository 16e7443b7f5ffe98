/** Mean and standard deviation (n - 1) over seeds. The deviation of one value is null. */
export function overSeeds(values: readonly number[]): { readonly mean: number; readonly sd: number | null } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)) };
}

/** The mean of values over seeds, entry by entry. */
export function averageSeeds(all: readonly Float64Array[]): Float64Array {
  const [first] = all;
  if (first === undefined) throw new RangeError("no seed to average over");
  if (all.length === 1) return first;
  return first.map((_, at) => all.reduce((sum, one) => sum + (one[at] as number), 0) / all.length);
}

/** A variance and its degrees of freedom. */
type Part = { readonly variance: number; readonly freedom: number };

/**
 * The standard error of a mean over seeds, or of a difference of such means, and its degrees of freedom (Satterthwaite
 * 1946): the variance over samples of the cases, and that over the seeds of each side. A side with one seed adds none.
 */
export function seedError(
  cases: Part,
  sides: readonly (readonly number[])[],
): { readonly standardError: number; readonly freedom: number } {
  const parts = [
    cases,
    ...sides
      .filter((values) => values.length > 1)
      .map((values) => ({
        variance: (overSeeds(values).sd as number) ** 2 / values.length,
        freedom: values.length - 1,
      })),
  ];
  const variance = parts.reduce((sum, part) => sum + part.variance, 0);
  const spread = parts.reduce((sum, part) => sum + part.variance ** 2 / part.freedom, 0);
  return { standardError: Math.sqrt(variance), freedom: spread === 0 ? cases.freedom : variance ** 2 / spread };
}
