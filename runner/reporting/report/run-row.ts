/** One arm of a run in its primary metric. */
export type ArmScore = {
  readonly arm: string;
  readonly value: number | null;
  /** 95 % interval; null where the run has none for this metric. */
  readonly interval: { readonly low: number; readonly high: number } | null;
};

/** A finished run in a table of runs, from its manifest alone. */
export type RunRow = {
  readonly experiment: string;
  readonly run: string;
  readonly coordinates: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly metric: string;
  readonly view: string;
  /** The arm that the run is about comes first. */
  readonly scores: readonly [ArmScore, ...ArmScore[]];
  /** Seconds of all its steps, whenever they were built. */
  readonly seconds: number;
  /** Largest resident set of any step, in bytes. */
  readonly memory: number;
  /** In the currency of `resources.price_per_hour`; null where the experiment names none. */
  readonly price: number | null;
  /** Why its numbers are not what they seem: "smoke", "validation rows", "replayed". */
  readonly marks: readonly string[];
};
