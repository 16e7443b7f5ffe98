import type { Measured, Metric, ScoredCases } from "../../plugins/metrics/metric.ts";
import type { ScoredCase } from "../../plugins/tasks/task.ts";
import type { Draws, Pause } from "../statistics/bootstrap.ts";
import type { Interval } from "../statistics/interval.ts";
import { intervalsOf } from "../statistics/intervals.ts";
import { caseGroups, scoresOf } from "../statistics/packed.ts";

/** The values of the subgroup columns of a case: column -> value. */
export type SubgroupValues = { readonly id: string; readonly values: Readonly<Record<string, string>> };

/** One answer of an arm. */
type Answer = {
  readonly id: string;
  readonly gold: unknown;
  readonly prediction: unknown;
  readonly parsed?: boolean | undefined;
  readonly group?: string | undefined;
} & Measured;

/** The cases with one value of a column, and the score of each arm on them. */
export type Subgroup = {
  readonly column: string;
  readonly value: string;
  readonly cases: number;
  /** Empty if there are too few cases. */
  readonly arms: Readonly<Record<string, Interval & { readonly score: number | null }>>;
};

/** Scores on subgroups of the cases in one metric. */
export type Subgroups = {
  readonly metric: string;
  /** Subgroups of fewer cases have no score. */
  readonly fewest: number;
  /** Number of intervals. They are not corrected for their number. */
  readonly intervals: number;
  readonly groups: readonly Subgroup[];
};

/** Subgroups of fewer cases are counted only: their scores say little, and could identify persons. */
export const fewest = 5;
/** Values of a column beyond this number are one subgroup. */
const mostValues = 20;
const missing = "(missing)";
const others = "(other)";

/** How the answers to some cases are scored in one metric, and resampled. */
export type SubsetScoring = {
  readonly metric: Metric;
  scorer(cases: readonly ScoredCase<unknown, unknown>[]): ScoredCases;
  readonly bootstrap: Draws;
};

/** The score of the answers to some cases, with its interval over them. */
export async function scoreSubset(
  answers: readonly Answer[],
  { metric, scorer, bootstrap }: SubsetScoring,
  pause?: Pause,
): Promise<Subgroup["arms"][string]> {
  const scored = scorer(
    answers.map(({ gold, prediction, parsed, judgement, similarity }) => ({
      ...{ target: gold, prediction, parsed, judgement, similarity },
    })),
  );
  const draws = { ...bootstrap, groups: caseGroups(answers.map(({ group }) => group)) };
  const [intervals = {}] = await intervalsOf([scored], [metric], draws, pause);
  const { resamples: _resamples, seed: _seed, ...interval } = intervals[metric.name] as Interval & Draws;
  return { score: scoresOf(scored, [metric])[metric.name] ?? null, ...interval };
}

/** Scores every arm on the cases with each value of the columns, the most frequent value first. */
export async function scoreSubgroups(
  arms: readonly { readonly name: string; readonly answers: readonly Answer[] }[],
  {
    values,
    columns,
    ...scoring
  }: SubsetScoring & { readonly values: readonly SubgroupValues[]; readonly columns: readonly string[] },
  pause?: Pause,
): Promise<Subgroups> {
  const groups: Subgroup[] = [];
  for (const column of columns) {
    const ids = new Map<string, string[]>();
    for (const one of values) {
      const value = one.values[column] || missing;
      ids.set(value, [...(ids.get(value) ?? []), one.id]);
    }
    const sorted = [...ids].sort(([a, some], [b, more]) => more.length - some.length || (a < b ? -1 : 1));
    const rest = sorted.slice(mostValues).flatMap(([, own]) => own);
    for (const [value, own] of [
      ...sorted.slice(0, mostValues),
      ...(rest.length > 0 ? [[others, rest] as const] : []),
    ]) {
      const members = new Set(own);
      const scores: Record<string, Subgroup["arms"][string]> = {};
      for (const { name, answers } of own.length < fewest ? [] : arms) {
        const cases = answers.filter(({ id }) => members.has(id));
        scores[name] = await scoreSubset(cases, scoring, pause);
      }
      groups.push({ column, value, cases: own.length, arms: scores });
    }
  }
  const intervals = groups.reduce((sum, { arms: own }) => sum + Object.keys(own).length, 0);
  return { metric: scoring.metric.name, fewest, intervals, groups };
}
