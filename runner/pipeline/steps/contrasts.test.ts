import { expect, it } from "vitest";
import type { Experiment } from "../../plugins/experiment.ts";
import { plannedOf } from "./contrasts.ts";

const experiment = (name: string, base: string, examples = 0) =>
  ({
    name,
    model: { base },
    prompt: { examples: { count: examples } },
  }) as unknown as Experiment;

/** The steps of compared experiments in a run, by experiment: the arm of each of its arms. */
const named = (all: Readonly<Record<string, Readonly<Record<string, string>>>>) =>
  new Map(
    Object.entries(all).map(([name, arms]) => [
      name,
      new Map(Object.entries(arms).map(([arm, inRun]) => [`evaluate.${arm}`, `evaluate.${inRun}`])),
    ]),
  );

it("plans the gain of each experiment and each arm of two models; the tests of the subject are not repeated", () => {
  const arms = ["zero_shot", "nearest", "tuned", "small.zero_shot", "small.tuned", "few.zero_shot"];
  const names = named({
    small: { zero_shot: "small.zero_shot", tuned: "small.tuned", nearest: "nearest" },
    few: { zero_shot: "few.zero_shot" },
  });
  const compared = [experiment("small", "x/4B"), experiment("few", "x/8B", 4)];
  expect(plannedOf(experiment("large", "x/8B"), compared, names, arms)).toEqual({
    contrasts: [
      { a: "small.tuned", b: "small.zero_shot", of: "training" },
      { a: "zero_shot", b: "small.zero_shot", of: "model" },
    ],
    interactions: [{ a: { from: "zero_shot", to: "tuned" }, b: { from: "small.zero_shot", to: "small.tuned" } }],
  });
});

it("finds the zero-shot arm that a compared experiment shares with another one", () => {
  const arms = ["zero_shot", "tuned", "small.zero_shot", "small.tuned", "small-dora.tuned"];
  const names = named({
    small: { zero_shot: "small.zero_shot", tuned: "small.tuned" },
    "small-dora": { zero_shot: "small.zero_shot", tuned: "small-dora.tuned" },
  });
  const compared = [experiment("small", "x/4B"), experiment("small-dora", "x/4B")];
  const { contrasts, interactions } = plannedOf(experiment("large", "x/8B"), compared, names, arms);
  expect(contrasts).toEqual([
    { a: "small.tuned", b: "small.zero_shot", of: "training" },
    { a: "small-dora.tuned", b: "small.zero_shot", of: "training" },
    { a: "zero_shot", b: "small.zero_shot", of: "model" },
  ]);
  expect(interactions.map(({ b }) => b.to)).toEqual(["small.tuned", "small-dora.tuned"]);
});

it("plans nothing without compared experiments", () => {
  expect(plannedOf(experiment("large", "x/8B"), [], new Map(), ["zero_shot", "nearest", "tuned"])).toEqual({
    contrasts: [],
    interactions: [],
  });
});
