import fc from "fast-check";
import { expect, it } from "vitest";
import { viewOf } from "../../data/labels/views.ts";
import { blend, chooseBlend, type Sources } from "./ensemble.ts";

const basic = viewOf("basic");

/** Micro-F1 in the basic view, counted by hand. */
function f1(answers: readonly (readonly string[])[], golds: readonly (readonly string[])[]): number {
  const sets = (all: readonly (readonly string[])[]) => all.map((labels) => new Set(labels.map(basic)));
  const [given, right] = [sets(answers), sets(golds)];
  const hits = given.reduce((sum, one, at) => sum + [...one].filter((label) => right[at]?.has(label)).length, 0);
  return (2 * hits) / [...given, ...right].reduce((sum, one) => sum + one.size, 0);
}

it("scores higher than the model alone and than any threshold of the classifier", () => {
  const cases = [
    { named: ["stone"], margins: { Cyst: 0.6, mass: -0.2 }, gold: ["stone", "cyst"] },
    { named: ["stone"], margins: { Cyst: -0.7, mass: 0.5 }, gold: ["stone", "mass"] },
    { named: ["mass"], margins: { Cyst: 0.4, stone: 0.1 }, gold: ["mass", "cyst"] },
  ];
  const golds = cases.map(({ gold }) => gold);
  const chosen = chooseBlend(cases, basic, "any number");
  expect(chosen.micro_f1).toBe(1);
  const answers = cases.map((one) => blend(one, chosen, basic, "any number").labels);
  expect(answers.map((labels) => [...labels].sort())).toEqual([
    ["Cyst", "stone"],
    ["mass", "stone"],
    ["Cyst", "mass"],
  ]);
  const modelAlone = cases.map(({ named }) => named);
  expect(f1(modelAlone, golds)).toBeLessThan(1);
  for (const threshold of [-1, -0.5, 0, 0.3, 0.45, 0.55]) {
    const alone = cases.map(({ margins }) =>
      Object.entries(margins).flatMap(([label, margin]) => (margin > threshold ? [label] : [])),
    );
    expect(f1(alone, golds)).toBeLessThan(1);
  }
});

it("follows the source that is right if the other is wrong", () => {
  const wrongModel = { named: ["mass"], margins: { cyst: 0.2 }, gold: ["cyst"] };
  expect(blend(wrongModel, chooseBlend([wrongModel], basic, "any number"), basic, "any number").labels).toEqual([
    "cyst",
  ]);
  const wrongClassifier = { named: ["mass"], margins: { cyst: 0.9 }, gold: ["mass"] };
  expect(
    blend(wrongClassifier, chooseBlend([wrongClassifier], basic, "any number"), basic, "any number").labels,
  ).toEqual(["mass"]);
});

it("gives one label per case for single-label tasks, in the model's spelling", () => {
  const cases = [
    { named: ["CYST."], margins: { cyst: 0.1, stone: 0.3 }, gold: ["cyst"] },
    { named: [], margins: { stone: -0.9 }, gold: ["stone"] },
  ];
  const chosen = chooseBlend(cases, basic, "exactly one");
  expect(cases.map((one) => blend(one, chosen, basic, "exactly one").labels)).toEqual([["CYST."], ["stone"]]);
});

it("separates adjacent floating-point scores", () => {
  const cases = [
    { named: [], margins: { a: -(2 ** -53) }, gold: [] },
    { named: [], margins: { a: 0 }, gold: ["a"] },
  ];
  const chosen = chooseBlend(cases, basic, "any number");
  expect(cases.map((one) => blend(one, chosen, basic, "any number").labels)).toEqual([[], ["a"]]);
});

it("gives no label if no source has one", () => {
  const silent = { named: [], margins: {} };
  const chosen = chooseBlend([{ ...silent, gold: ["cyst"] }], basic, "any number");
  expect(chosen.micro_f1).toBe(0);
  expect(blend(silent, chosen, basic, "any number").labels).toEqual([]);
});

const labels = fc.subarray(["a", "b", "c", "D", "d"]);
const sources: fc.Arbitrary<Sources & { gold: string[] }> = fc.record({
  named: labels,
  margins: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.double({ min: -0.99, max: 2, noNaN: true })),
  gold: labels,
});

it("reports the micro-F1 of its answers, which is at least the model's", () => {
  fc.assert(
    fc.property(fc.array(sources, { minLength: 1, maxLength: 12 }), (cases) => {
      const golds = cases.map(({ gold }) => gold);
      fc.pre(golds.some((gold) => gold.length > 0));
      const chosen = chooseBlend(cases, basic, "any number");
      const answers = cases.map((one) => blend(one, chosen, basic, "any number").labels);
      expect(f1(answers, golds)).toBeCloseTo(chosen.micro_f1, 12);
      const model = cases.map(({ named }) => named);
      expect(chosen.micro_f1).toBeGreaterThanOrEqual(f1(model, golds) - 1e-12);
    }),
  );
});

it("follows the scores of a model where its answer and the classifier say nothing", () => {
  const cases = [
    { named: ["mass"], scores: { mass: 0.4, cyst: 0.2, stone: -0.9 }, margins: {}, gold: ["mass", "cyst"] },
    { named: ["stone"], scores: { mass: -0.8, cyst: -0.6, stone: 0.9 }, margins: {}, gold: ["stone"] },
    { named: ["mass"], scores: { mass: -0.6, cyst: 0.5, stone: -0.9 }, margins: {}, gold: ["cyst"] },
  ];
  const chosen = chooseBlend(cases, basic, "any number");
  expect(chosen.micro_f1).toBe(1);
  expect(chosen.named).toBeLessThan(1);
  expect(cases.map((one) => blend(one, chosen, basic, "any number").labels.toSorted())).toEqual([
    ["cyst", "mass"],
    ["stone"],
    ["cyst"],
  ]);
  const answersAlone = chooseBlend(
    cases.map(({ scores: _none, ...one }) => one),
    basic,
    "any number",
  );
  expect(answersAlone.micro_f1).toBeLessThan(1);
});

it("gives a case its best label below the threshold if it must have one", () => {
  const cases = [
    { named: [], margins: { cyst: 0.9, mass: 0.8 }, gold: ["cyst"] },
    { named: [], margins: { cyst: -0.5, stone: -0.6 }, gold: ["cyst"] },
  ];
  const chosen = chooseBlend(cases, basic, "at least one");
  expect(chosen.micro_f1).toBe(1);
  expect(cases.map((one) => blend(one, chosen, basic, "at least one").labels)).toEqual([["cyst"], ["cyst"]]);
  expect(chooseBlend(cases, basic, "any number").micro_f1).toBe(0.8);
});
