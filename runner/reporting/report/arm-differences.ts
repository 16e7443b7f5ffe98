import type { Compared } from "../../evaluation/statistics/compare.ts";
import { score } from "./display-names.ts";

/** How one arm does against another on the same cases, seen from the first. */
export type ArmDifference = {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Cases that only the first, and only the second has exactly right, with McNemar's p; null where seeds were averaged. */
  readonly exact: { readonly own: number; readonly other: number; readonly p: number } | null;
};

/** `arm` less `against` in a metric; undefined where the two were not compared. */
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
  const [low, high] = [sign * measured.low, sign * measured.high].sort((a, b) => a - b) as [number, number];
  const counts = exact_match === null ? [] : [exact_match.only_a, exact_match.only_b];
  const [own = 0, other = 0] = isFirst ? counts : counts.toReversed();
  return {
    difference: sign * measured.difference,
    low,
    high,
    exact: exact_match === null ? null : { own, other, p: exact_match.p },
  };
}

/** A difference with its sign: "+0.179". */
export const signed = (value: number): string => `${value < 0 ? "−" : "+"}${score(Math.abs(value))}`;

/** A difference and its interval: "+0.179 [+0.151, +0.207]". */
export const signedInterval = ({ difference, low, high }: Omit<ArmDifference, "exact">): string =>
  `${signed(difference)} [${signed(low)}, ${signed(high)}]`;
