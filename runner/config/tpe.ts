/** The keys of `strategy: tpe`, with defaults. */
export type Tpe = {
  /** Number of settings that are tried. */
  readonly trials: number;
  /** Number of settings of the first round, which a random sample draws. */
  readonly startup: number;
  /** Number of settings of each later round. */
  readonly parallel: number;
  readonly seed: number;
};

/** The number of settings that each round tries, of `settings` that the sweep declares. */
export function tpeRounds(settings: number, { trials, startup, parallel }: Tpe): readonly number[] {
  const total = Math.min(settings, trials);
  const rounds = [Math.min(total, startup)];
  for (let left = total - (rounds[0] as number); left > 0; left -= parallel) rounds.push(Math.min(left, parallel));
  return rounds;
}
