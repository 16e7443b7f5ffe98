/** What `strategy: halving` says, with its defaults. */
export type Halving = { readonly eta: number; readonly min_epochs: number };

/** One rung of a sweep by halving: what is left of its settings is trained to so many epochs, and the best of them go on. */
export type Rung = {
  /** From 1 on. */
  readonly number: number;
  readonly of: number;
  readonly epochs: number;
  /** Epochs that its settings have had on the rung before. */
  readonly from: number;
  /** Settings that are scored on it. */
  readonly settings: number;
};

/**
 * Epochs of each budget, smallest first: all of them, and an eta-th of the one before as long as `min_epochs` are left. The
 * number of settings has no say, so that a further setting leaves the budgets of those that are paid for as they are.
 */
export function budgets(epochs: number, { eta, min_epochs }: Halving): readonly number[] {
  const all = [epochs];
  for (let less = Math.floor(epochs / eta); less >= min_epochs; less = Math.floor(less / eta)) all.unshift(less);
  return all;
}

/** How many of so many settings go on to the next rung. */
export function survivors(settings: number, eta: number): number {
  return Math.max(1, Math.floor(settings / eta));
}

/**
 * The rungs of so many settings. A setting that is alone has nothing to be compared with before it has had all its epochs, so
 * that budgets in between are left out.
 */
export function rungsOf(settings: number, epochs: number, halving: Halving): readonly Rung[] {
  const rungs: Omit<Rung, "of">[] = [];
  let left = settings;
  for (const budget of budgets(epochs, halving)) {
    if (left === 1 && budget < epochs) continue;
    const from = rungs.at(-1)?.epochs ?? 0;
    rungs.push({ number: rungs.length + 1, epochs: budget, from, settings: left });
    left = survivors(left, halving.eta);
  }
  return rungs.map((rung) => ({ ...rung, of: rungs.length }));
}
