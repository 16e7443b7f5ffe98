/** The largest number, at least `floor`. `Math.max` takes its numbers from the stack, which has no space for many. */
export function largest(values: Iterable<number>, floor = Number.NEGATIVE_INFINITY): number {
  let most = floor;
  for (const value of values) if (value > most) most = value;
  return most;
}

/** The smallest number, at most `ceiling`; see `largest`. */
export function smallest(values: Iterable<number>, ceiling = Number.POSITIVE_INFINITY): number {
  let least = ceiling;
  for (const value of values) if (value < least) least = value;
  return least;
}
