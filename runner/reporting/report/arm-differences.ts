import type { Compared } from "../../evaluation/statistics/compare.ts";

/** The paired difference between two arms on the same cases: first arm minus second arm. */
export type ArmDifference = {
  readonly difference: number;
  /** Absent if the difference has no interval. */
  readonly low?: number;
  readonly high?: number;
  /** The smallest true difference that these cases show with a power of 80 %; null if the difference does not vary. */
  readonly detectable: number | null;
  /**
   * Cases that only the first arm, and only the second arm, answers exactly right, with the p-value of McNemar's test; null if
   * seeds were averaged.
   */
  readonly exact: { readonly own: number; readonly other: number; readonly p: number } | null;
};

/** The difference `arm` minus `against` in a metric; undefined if the two arms were not compared. */
export function differenceOf(
  { pairs }: Compared,
  arm: string,
  against: string,
  metric: string,
): ArmDifference | undefined {
  const pair = pairs.find(({ a, b }) => (a === arm && b === against) || (a === against && b === arm));
  const measured = pair?.metrics[metric];
  if (pair === undefined || measured === undefined) return undefined;
  const { exact_match } = pair;
  const isFirst = pair.a === arm;
  const sign = isFirst ? 1 : -1;
  const bounds = (): { low: number; high: number } | undefined => {
    if (measured.low === undefined) return undefined;
    const [low, high] = [sign * measured.low, sign * measured.high].sort((a, b) => a - b) as [number, number];
    return { low, high };
  };
  const counts = exact_match === null ? [] : [exact_match.only_a, exact_match.only_b];
  const [own = 0, other = 0] = isFirst ? counts : counts.toReversed();
  return {
    difference: sign * measured.difference,
    ...bounds(),
    detectable: measured.detectable ?? null,
    exact: exact_match === null ? null : { own, other, p: exact_match.p },
  };
}
