/** A value of a setting. A list is its JSON text. */
export type SettingValue = string | number | boolean | null;

/** A metric of an arm with its 95 % interval, if it has one. */
export type ListedScore = readonly [value: number, low?: number, high?: number];

/** A finished run as the script of the page of runs reads it. */
export type ListedRun = {
  /** "<experiment>/<run>" */
  readonly label: string;
  readonly experiment: string;
  readonly run: string;
  readonly coordinates: string;
  /** A short name that is unique within the experiment. */
  readonly name: string;
  /** The page of the run. */
  readonly link: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly marks: readonly string[];
  readonly seconds: number;
  readonly price: number | null;
  /** The arm that the run is about, which is one of `arms`. */
  readonly subject: string;
  readonly metric: string;
  readonly view: string;
  /** Arm -> metric -> score in the view. A metric without a value is absent. */
  readonly arms: Readonly<Record<string, Readonly<Record<string, ListedScore>>>>;
  /** Configuration keys whose value differs between the listed runs. */
  readonly settings: Readonly<Record<string, SettingValue>>;
};

/** All runs, oldest first. */
export type RunList = {
  readonly runs: readonly ListedRun[];
  /** Display names of arms and metrics. */
  readonly armNames: Readonly<Record<string, string>>;
  readonly metricNames: Readonly<Record<string, string>>;
  /** By metric: whether a higher value is better; null for a metric without a best direction. */
  readonly higherIsBetter: Readonly<Record<string, boolean | null>>;
};
