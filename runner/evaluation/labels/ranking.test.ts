import { expect, it } from "vitest";
import { averagePrecision } from "./ranking.ts";
import { scoreLabels } from "./score.ts";

// scikit-learn 1.9: average_precision_score of each row of random gold and scores with ties.
const gold = [
  [0, 0, 1, 0, 1],
  [0, 0, 0, 0, 1],
  [0, 0, 1, 0, 1],
  [0, 1, 0, 1, 1],
  [0, 1, 0, 0, 0],
  [0, 0, 1, 1, 0],
];
const scores = [
  [0, 0, -0.5, -1, 0],
  [0.5, 0, 0.5, -0.5, 0.5],
  [0.5, 1, 0, -1, 0.5],
  [0, 1, 0, -0.5, -1],
  [0, 0.5, 0.5, 1, -0.5],
  [0, 1, -0.5, -0.5, 1],
];
const expected = [0.41666666666666663, 0.3333333333333333, 0.41666666666666663, 0.7, 0.3333333333333333, 0.4];
const mean = 0.43333333333333335;
const names = ["a", "b", "c", "d", "e"];
const named = (row: readonly number[]) => names.filter((_, at) => row[at] === 1);

it("average precision is scikit-learn's, with ties", () => {
  for (const [row, own] of gold.entries()) {
    const ranked = new Map(names.map((name, at) => [name, scores[row]?.[at] as number]));
    expect(averagePrecision(new Set(named(own)), ranked, 5)).toBeCloseTo(expected[row] as number, 12);
  }
});

it("labels without a score share the last place", () => {
  // As scikit-learn gives it for the scores [2, 1, 0, 0, 0].
  const ranked = new Map([
    ["a", 2],
    ["b", 1],
  ] as const);
  expect(averagePrecision(new Set(["a", "c", "d"]), ranked, 5)).toBeCloseTo((1 + 3 / 5 + 3 / 5) / 3, 12);
  expect(averagePrecision(new Set(), ranked, 5)).toBeUndefined();
});

it("map is the mean over cases with gold labels, in each view; it has no value without scores", () => {
  const cases = gold.map((own, row) => ({
    target: named(own),
    prediction: ["b"],
    margins: Object.fromEntries(names.map((name, at) => [name.toUpperCase(), scores[row]?.[at] as number])),
  }));
  const withEmpty = [...cases, { target: [], prediction: [], margins: { A: 1 } }];
  const found = scoreLabels(withEmpty, { space: names });
  expect(found.basic.map).toBeCloseTo(mean, 12);
  expect(found.raw.map).toBeLessThan(mean);
  expect(scoreLabels(cases.map(({ margins: _none, ...one }) => one)).basic.map).toBeNull();
});

it("spellings that are one label in a view have the best of their scores", () => {
  const one = { target: ["cyst"], prediction: [], margins: { mass: 0, cyst: -0.5, "Cyst.": 0.5 } };
  const found = scoreLabels([one], { space: ["cyst", "mass"] });
  expect([found.raw.map, found.basic.map]).toEqual([1 / 3, 1]);
});
