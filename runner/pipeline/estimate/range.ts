/** A low and a high estimate of one quantity. */
export type Range = readonly [low: number, high: number];

/** The sum of the low ends and the sum of the high ends. */
export function sum(...ranges: readonly Range[]): Range {
  return [ranges.reduce((all, [low]) => all + low, 0), ranges.reduce((all, [, high]) => all + high, 0)];
}

/** A range multiplied by a number or by a range of factors. */
export function times([low, high]: Range, factor: number | Range): Range {
  const [least, most] = typeof factor === "number" ? [factor, factor] : factor;
  return [low * least, high * most];
}

/** The range of an exact value. */
export function exactly(value: number): Range {
  return [value, value];
}
