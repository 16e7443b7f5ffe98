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
