import type { CounterSet, Metric, ScoredCases } from "../../plugins/metrics/metric.ts";
import { namedCounters } from "../../plugins/metrics/named-counters.ts";
import { judgeScore } from "../../plugins/metrics/own-metric.ts";

/** Least and greatest score. */
export type JudgeScale = readonly [low: number, high: number];

/**
 * The score that a judge's answer states: the only number of the answer, or the number after the last "score". It is a
 * whole number of the scale; undefined for any other answer.
 */
export function readJudgement(text: string, [low, high]: JudgeScale): number | undefined {
  const named = [...text.matchAll(/score["*\s]*[:=]["*\s]*(-?\d+(?:\.\d+)?)(?!\.?\d)/gi)].at(-1)?.[1];
  const alone = /^[\s"*]*(-?\d+(?:\.\d+)?)[\s"*.]*$/.exec(text)?.[1];
  const score = Number(named ?? alone);
  return (named ?? alone) !== undefined && Number.isInteger(score) && score >= low && score <= high ? score : undefined;
}

type Judged = { readonly judged: number; readonly score: number };

const counters: CounterSet<unknown, unknown, Judged> = {
  open: () => ({
    contribute(_target, _prediction, add, { judgement } = {}) {
      if (judgement === undefined) return;
      add(0);
      add(1, judgement);
    },
    size: () => 2,
    reader: () => (sums) => ({ judged: sums[0] ?? 0, score: sums[1] ?? 0 }),
  }),
};

/** The mean score of a judge. A case without a judgement does not count. */
export function judgeMetric(range: JudgeScale): Metric<unknown, unknown, Judged> {
  return {
    name: judgeScore,
    displayName: "judge score",
    definition: `Mean score that a language model gives by a rubric, from ${range[0]} to ${range[1]}, over the cases with a judgement`,
    higherIsBetter: true,
    range,
    counters,
    value: ({ judged, score }) => (judged === 0 ? Number.NaN : score / judged),
  };
}

/** A rating by a person and the judge's score of the same answer. */
export type RatedPair = { readonly human: number; readonly judge: number };

/**
 * Cohen's kappa of ratings and scores with quadratic weights (Cohen 1968), and the share of equal ones. NaN if both
 * always give one value.
 */
export function agreementMetrics(): readonly Metric[] {
  // By expected squared difference: sums of h, j, h², j² and hj are enough.
  const sums = namedCounters<number, number, "n" | "h" | "j" | "hh" | "jj" | "hj" | "equal">((human, judge) => ({
    n: 1,
    h: human,
    j: judge,
    hh: human * human,
    jj: judge * judge,
    hj: human * judge,
    equal: human === judge ? 1 : 0,
  }));
  type Sums = Readonly<Partial<Record<"n" | "h" | "j" | "hh" | "jj" | "hj" | "equal", number>>>;
  return [
    {
      name: "weighted_kappa",
      definition: "Cohen's kappa with quadratic weights",
      higherIsBetter: true,
      range: [-1, 1],
      counters: sums,
      value({ n = 0, h = 0, j = 0, hh = 0, jj = 0, hj = 0 }: Sums) {
        const observed = hh + jj - 2 * hj;
        const expected = hh + jj - (2 * h * j) / n;
        return expected <= 1e-12 ? Number.NaN : 1 - observed / expected;
      },
    },
    {
      name: "equal",
      definition: "Share of equal scores",
      higherIsBetter: true,
      isShareCorrect: true,
      counters: sums,
      value: ({ n = 0, equal = 0 }: Sums) => (n === 0 ? 0 : equal / n),
    },
  ];
}

/** Ratings and scores as cases that the metrics of agreement score. */
export const ratedCases = (pairs: readonly RatedPair[]): ScoredCases<number, number> => ({
  n: pairs.length,
  space: undefined,
  target: (row) => pairs[row]?.human as number,
  prediction: (row) => pairs[row]?.judge as number,
  isCorrect: (row) => pairs[row]?.human === pairs[row]?.judge,
});
