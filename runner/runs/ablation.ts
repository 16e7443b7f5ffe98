/** One setting of a sweep: a run, or runs that are seeds of each other, averaged. */
export type AblationRow = {
  /** Dotted key -> value of what varies. */
  readonly values: Readonly<Record<string, unknown>>;
  /** null where the metric could not be computed. */
  readonly value: number | null;
  /** 95 % interval; null where there is none. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** Standard deviation over seeds; null for a single run. */
  readonly sd: number | null;
  readonly runs: number;
  /** Of a sweep by halving: after how many epochs it was scored last. */
  readonly epochs?: number;
  /** Seconds of all steps of its runs, whenever they were built; null where its runs are not here. */
  readonly seconds: number | null;
  /** The winner's score on test, of each of its runs. */
  readonly test?: readonly { readonly value: number; readonly low?: number; readonly high?: number }[];
};

/** A sweep as a table: a row a setting, in the order of the sweep. */
export type Ablation = {
  readonly experiment: string;
  /** What the scores are: metric, view, and the rows that were scored. */
  readonly metric: string;
  readonly view: string;
  readonly rows: "validation" | "test";
  /** Dotted keys that differ between settings. */
  readonly keys: readonly string[];
  readonly settings: readonly AblationRow[];
  /** What the winner's test score is, and why it is the winner; absent where nothing was chosen. */
  readonly chosen?: { readonly metric: string; readonly view: string; readonly why: string };
};

/** A run of a sweep before runs of one setting are put together. */
export type ScoredRun = {
  readonly setting: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly value: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly seconds: number | null;
};

/** Rows of a sweep that chooses nothing: runs of one setting are averaged; an interval is a single run's. */
export function averaged(runs: readonly ScoredRun[]): readonly AblationRow[] {
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
      seconds: total(own.map(({ seconds }) => seconds)),
    };
  });
}

/** One run of each sweep that some runs are of. */
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

/** The sum, where every part is known. */
export function total(parts: readonly (number | null)[]): number | null {
  return parts.some((part) => part === null) ? null : parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}

/** Keys whose values differ between settings: what a table has columns for. */
export function varying(
  settings: readonly { readonly values: Readonly<Record<string, unknown>> }[],
): readonly string[] {
  const keys = [...new Set(settings.flatMap(({ values }) => Object.keys(values)))];
  return keys.filter((key) => new Set(settings.map(({ values }) => JSON.stringify(values[key]))).size > 1);
}
