/** Natural logarithm of the gamma function for x > 0, to 1e-13 (Lanczos). */
function logGamma(x: number): number {
  const terms = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const at = x - 1;
  const sum = terms.reduce((all, term, index) => all + term / (at + index + 1), 0.99999999999980993);
  const shifted = at + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (at + 0.5) * Math.log(shifted) - shifted + Math.log(sum);
}

/** Distribution function of the beta distribution: a continued fraction (Lentz), to 1e-12. */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(1 - x, b, a);
  const tiny = 1e-300;
  const safe = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let upper = 1;
  let lower = 1 / safe(1 - ((a + b) * x) / (a + 1));
  let fraction = lower;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    lower = 1 / safe(1 + even * lower);
    upper = safe(1 + even / upper);
    fraction *= lower * upper;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    lower = 1 / safe(1 + odd * lower);
    upper = safe(1 + odd / upper);
    const change = lower * upper;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-14) break;
  }
  const front = logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  return (Math.exp(front) * fraction) / a;
}

/** Quantile of the beta distribution, by bisection. */
export function betaQuantile(share: number, a: number, b: number): number {
  return bisect(0, 1, (x) => betaCdf(x, a, b) < share);
}

/** Two-sided p value of a t statistic. `freedom` is the number of degrees of freedom, also a fraction of one. */
export function studentP(t: number, freedom: number): number {
  if (!Number.isFinite(freedom)) return studentP(t, 1e9);
  return betaCdf(freedom / (freedom + t * t), freedom / 2, 0.5);
}

/** The t statistic whose two-sided p value is `p`. */
export function studentQuantile(p: number, freedom: number): number {
  let high = 2;
  while (studentP(high, freedom) > p && high < 1e12) high *= 2;
  return bisect(0, high, (t) => studentP(t, freedom) > p);
}

/** Where `isBelow` changes from true to false. */
function bisect(low: number, high: number, isBelow: (x: number) => boolean): number {
  let [from, to] = [low, high];
  for (let step = 0; step < 200 && to - from > 1e-15 * Math.max(1, Math.abs(to)); step++) {
    const middle = (from + to) / 2;
    if (middle === from || middle === to) break;
    if (isBelow(middle)) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}
