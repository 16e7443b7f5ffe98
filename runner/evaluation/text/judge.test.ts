import { describe, expect, it } from "vitest";
import { intervalsOf } from "../statistics/intervals.ts";
import { scoresOf } from "../statistics/packed.ts";
import { agreementMetrics, judgeMetric, ratedCases, readJudgement } from "./judge.ts";

describe("the answer of a judge", () => {
  it.each([
    ["4", 4],
    [" **4** ", 4],
    ["Good.\nScore: 4", 4],
    ['{"reason": "2 errors", "score": 3}', 3],
    ["Score: 1 at first sight.\n**Score:** 5", 5],
    ["score = 2.", 2],
    ["4 of 5", undefined],
    ["Score: 4.5", undefined],
    ["Score: 6", undefined],
    ["Score: 45", undefined],
    ["I cannot tell", undefined],
    ["", undefined],
  ])("%j states %s", (text, score) => expect(readJudgement(text, [1, 5])).toBe(score));
});

it("the mean judgement leaves out cases without one, and is undefined without any", () => {
  const cases = (judgements: readonly (number | undefined)[]) => ({
    n: judgements.length,
    space: undefined,
    target: () => "a",
    prediction: () => "b",
    measured: (row: number) => ({ judgement: judgements[row] }),
    isCorrect: () => false,
  });
  expect(scoresOf(cases([5, undefined, 2]), [judgeMetric([1, 5])])).toEqual({ judge_score: 3.5 });
  expect(scoresOf(cases([undefined]), [judgeMetric([1, 5])])).toEqual({ judge_score: null });
});

describe("the agreement with people", () => {
  const human = [1, 2, 3, 4, 5, 3, 2, 5, 1, 4];
  const pairs = [2, 2, 3, 5, 5, 3, 1, 4, 1, 4].map((judge, at) => ({ human: human[at] as number, judge }));
  it("is sklearn's cohen_kappa_score with quadratic weights", () => {
    expect(scoresOf(ratedCases(pairs), agreementMetrics()).weighted_kappa).toBeCloseTo(0.9, 12);
    expect(scoresOf(ratedCases(pairs), agreementMetrics()).equal).toBe(0.6);
  });
  it("has intervals, and no kappa if all scores are equal", async () => {
    const [intervals] = await intervalsOf([ratedCases(pairs)], agreementMetrics(), { resamples: 200, seed: 1 });
    expect(intervals?.weighted_kappa?.low).toBeLessThan(0.9);
    expect(intervals?.equal?.method).toBe("clopper_pearson");
    const same = ratedCases([1, 2].map(() => ({ human: 3, judge: 3 })));
    expect(scoresOf(same, agreementMetrics()).weighted_kappa).toBeNull();
  });
});
