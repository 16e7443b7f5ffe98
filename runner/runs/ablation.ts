import type { MaybeBounds } from "../util/bounds.ts";

/** One setting of a sweep: a run, or the average over runs that differ only in seeds. */
export type AblationRow = {
  /** Varied dotted key -> value. */
  readonly values: Readonly<Record<string, unknown>>;
  /** null if the metric could not be computed. */
  readonly value: number | null;
  /** 95 % interval; null if there is none. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** Standard deviation over seeds; null for a single run. */
  readonly sd: number | null;
  readonly runs: number;
  /** The score of each run. Absent for a sweep with successive halving. */
  readonly scores?: readonly (number | null)[];
  /** Training rows; absent if a run is missing or its runs differ. */
  readonly trainingRows?: number;
  /** Successive halving: number of epochs at the last scoring. */
  readonly epochs?: number;
  /** Seconds of all steps of its runs, whenever they were built; null if a run is missing. */
  readonly seconds: number | null;
  /** Test scores of the winner, one per run. */
  readonly test?: readonly (MaybeBounds & { readonly value: number | null })[];
};

/** A sweep as a table: one row per setting, in the order of the sweep. */
export type Ablation = {
  readonly experiment: string;
  /** Metric, view and scored rows. */
  readonly metric: string;
  readonly view: string;
  readonly rows: "validation" | "test";
  /** Dotted keys that differ between settings. */
  readonly keys: readonly string[];
  readonly settings: readonly AblationRow[];
  /** Metric and view of the winner's test score, and why it won; absent for a sweep without a selection. */
  readonly chosen?: { readonly metric: string; readonly view: string; readonly why: string };
};

/** A run of a sweep. Runs of one setting have the same `setting`. */
export type ScoredRun = {
  readonly setting: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly value: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly seconds: number | null;
  readonly trainingRows?: number | undefined;
};

/** Whether a sweep varies the number of training rows: its table is a learning curve. */
export const isLearningCurve = ({ keys }: Pick<Ablation, "keys">): boolean => keys.includes(trainingSizeKey);

/** The key of the number of rows that are drawn from the training file. */
export const trainingSizeKey = "data.train.limit";

/** Whether a key is a seed of training, generation or the sample of training rows: runs that differ in it repeat one setting. */
export const isRepetition = (key: string): boolean => /^(train|generate|data\.train)\..*seed$/.test(key);

/** The value that all items share, if they share one. */
export const shared = <T>(items: readonly T[]): T | undefined => (new Set(items).size === 1 ? items[0] : undefined);

/** The table of a sweep without a selection. */
export function ablationOf(
  { experiment, metric, view, rows }: Pick<Ablation, "experiment" | "metric" | "view" | "rows">,
  runs: readonly ScoredRun[],
): Ablation {
  const settings = averaged(runs);
  return { experiment, metric, view, rows, keys: varying(settings), settings };
}

/** Averages the runs of each setting. Only a setting with a single run has an interval. */
function averaged(runs: readonly ScoredRun[]): readonly AblationRow[] {
  const settings = new Map<string, ScoredRun[]>();
  for (const run of runs) settings.set(run.setting, [...(settings.get(run.setting) ?? []), run]);
  return [...settings.values()].map((own) => {
    const [first] = own as [ScoredRun];
    const scores = own.flatMap(({ value }) => value ?? []);
    const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
    const squares = scores.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return {
      values: first.values,
      value: scores.length === own.length ? mean : null,
      interval: own.length === 1 ? first.interval : null,
      sd: scores.length > 1 ? Math.sqrt(squares / (scores.length - 1)) : null,
      runs: own.length,
      scores: own.map(({ value }) => value),
      ...rowsOf(own.map(({ trainingRows }) => trainingRows)),
      seconds: total(own.map(({ seconds }) => seconds)),
    };
  });
}

/** The training rows of a setting, if all its runs have the same number. */
export function rowsOf(rows: readonly (number | undefined)[]): Pick<AblationRow, "trainingRows"> {
  const trainingRows = shared(rows);
  return trainingRows === undefined ? {} : { trainingRows };
}

/** One run of each sweep among some runs. */
export function distinctSweeps<R extends Swept>(runs: readonly R[]): readonly R[] {
  const seen = new Set<unknown>();
  return runs.filter(({ ablation, steps }) => {
    const sweep = steps.select?.object ?? ablation;
    if (ablation === undefined || seen.has(sweep)) return false;
    seen.add(sweep);
    return true;
  });
}

type Swept = {
  readonly ablation?: Ablation;
  readonly steps: { readonly select?: { readonly object: string } };
};

/** The sum; null if a part is unknown. */
export function total(parts: readonly (number | null)[]): number | null {
  return parts.some((part) => part === null) ? null : parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}

/** Keys whose values differ between settings: the columns of the table. */
export function varying(
  settings: readonly { readonly values: Readonly<Record<string, unknown>> }[],
): readonly string[] {
  const keys = [...new Set(settings.flatMap(({ values }) => Object.keys(values)))];
  return keys.filter((key) => new Set(settings.map(({ values }) => JSON.stringify(values[key]))).size > 1);
}
