import { expect, it } from "vitest";
import type { ComparedCase } from "../../plugins/tasks/category.ts";
import { calibrationOf } from "./calibration.ts";

const decided = (prediction: readonly string[], exact: boolean, more: object): ComparedCase =>
  ({ answer: { id: "1", gold: [], prediction, notes: [], ...more }, exact }) as unknown as ComparedCase;

it("the confidence of labels that scores decided is the probability of the set", () => {
  const found = calibrationOf([
    decided(["a"], true, { new_tokens: 3, margins: { a: 0.8, b: -0.6 } }),
    decided([], false, { new_tokens: 1, margins: { a: -0.2, b: -1 } }),
  ]);
  expect(found).toMatchObject({ cases: 2, accuracy: 0.5, of: "labels" });
  // 0.9 x (1 - 0.2), and (1 - 0.4) x 1.
  expect(found?.sequence.coverage_risk.points.map(({ threshold }) => threshold)).toEqual([
    expect.closeTo(0.72),
    expect.closeTo(0.6),
  ]);
  expect(found?.sequence.auroc).toBe(1);
});

it("margins of a classifier are no probabilities, and a log-probability of the answer comes first", () => {
  expect(calibrationOf([decided(["a"], true, { margins: { a: 0.8 } })])).toBeNull();
  const answered = calibrationOf([decided(["a"], true, { new_tokens: 2, logprob: -0.2, margins: { a: -0.8 } })]);
  expect(answered?.of).toBeUndefined();
});
