import { normalCdf } from "../../util/normal.ts";
import type { CaseGroups } from "./packed.ts";

/** Cases that only one of two answerers has correct, and the p value of their split. */
export type McNemar = { readonly only_a: number; readonly only_b: number; readonly p: number };

/** Exact McNemar test: two-sided binomial over the cases in which exactly one of two answerers was right. */
export function mcnemar(a: ArrayLike<boolean>, b: ArrayLike<boolean>): McNemar {
  let only_a = 0;
  let only_b = 0;
  for (let row = 0; row < a.length; row++) {
    if (a[row] === b[row]) continue;
    if (a[row]) only_a++;
    else only_b++;
  }
  return { only_a, only_b, p: Math.min(1, 2 * lowerTail(Math.min(only_a, only_b), only_a + only_b)) };
}

/** Beyond this number of operations, the distribution over swaps is taken as normal. */
const enumerated = 50_000_000;

/**
 * The numbers of an exact McNemar test for cases in groups. Under the null hypothesis, the answers to a group can be
 * swapped as a whole: p is the two-sided probability, over all swaps of groups, of a difference as large as the observed
 * one. With one case in each group it equals McNemar's.
 */
export function groupedExact(a: ArrayLike<boolean>, b: ArrayLike<boolean>, { count, of }: CaseGroups): McNemar {
  const { only_a, only_b } = mcnemar(a, b);
  const byGroup = new Int32Array(count);
  for (const [row, group] of of.entries()) (byGroup[group] as number) += Number(a[row]) - Number(b[row]);
  const sizes = byGroup.filter((difference) => difference !== 0).map(Math.abs);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const observed = Math.abs(only_a - only_b);
  if (sizes.length * total > enumerated) {
    const deviation = Math.sqrt(sizes.reduce((sum, size) => sum + size ** 2, 0));
    return { only_a, only_b, p: 2 * normalCdf(-observed / deviation) };
  }
  /** Probability that the groups with a positive sign have this sum. */
  const chance = new Float64Array(total + 1);
  chance[0] = 1;
  let reached = 0;
  for (const size of sizes) {
    reached += size;
    for (let sum = reached; sum >= 0; sum--)
      chance[sum] = ((chance[sum] as number) + (sum < size ? 0 : (chance[sum - size] as number))) / 2;
  }
  const p = chance.reduce((all, own, sum) => (Math.abs(2 * sum - total) >= observed ? all + own : all), 0);
  return { only_a, only_b, p: Math.min(1, p) };
}

/**
 * Probability of at most k heads in n throws of a fair coin, summed from the largest term so that nothing underflows.
 */
function lowerTail(k: number, n: number): number {
  let log = -n * Math.LN2;
  for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i);
  let term = 1;
  let sum = 1;
  for (let i = k; i > 0 && term > 1e-18; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  return Math.exp(log) * sum;
}
