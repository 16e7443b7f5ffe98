/** The keys of `strategy: halving`, with defaults. */
export type Halving = { readonly eta: number; readonly min_epochs: number };

/** A rung of successive halving: its settings are trained to `epochs`, and the best of them survive. */
export type Rung = {
  /** Counted from 1. */
  readonly number: number;
  /** Number of rungs. */
  readonly of: number;
  readonly epochs: number;
  /** Epochs of the previous rung; 0 on the first one. */
  readonly from: number;
  /** Number of settings that reach it. */
  readonly settings: number;
};

/**
 * Epochs of each budget, smallest first. The largest is `epochs`; each smaller one is an eta-th of the next, down to
 * `min_epochs`. The budgets do not depend on the number of settings, so that one more setting leaves the results of the
 * others valid.
 */
export function budgets(epochs: number, { eta, min_epochs }: Halving): readonly number[] {
  const all = [epochs];
  for (let less = Math.floor(epochs / eta); less >= min_epochs; less = Math.floor(less / eta)) all.unshift(less);
  return all;
}

/** How many settings survive a rung. */
export function survivors(settings: number, eta: number): number {
  return Math.max(1, Math.floor(settings / eta));
}

/**
 * The rungs of a number of settings. A single remaining setting has nothing to be compared with, so its intermediate
 * budgets are left out.
 */
export function rungsOf(settings: number, epochs: number, halving: Halving): readonly Rung[] {
  const rungs: Omit<Rung, "of">[] = [];
  let remaining = settings;
  for (const budget of budgets(epochs, halving)) {
    if (remaining === 1 && budget < epochs) continue;
    const from = rungs.at(-1)?.epochs ?? 0;
    rungs.push({ number: rungs.length + 1, epochs: budget, from, settings: remaining });
    remaining = survivors(remaining, halving.eta);
  }
  return rungs.map((rung) => ({ ...rung, of: rungs.length }));
}
