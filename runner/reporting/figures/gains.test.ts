import { expect, it } from "vitest";
import type { Experiment } from "../../plugins/experiment.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { fixtureStudy } from "../test-rig.ts";
import { contrasts } from "./contrasts.ts";
import { gains } from "./gains.ts";

/** The trained run of the fixture with the arms of a smaller model. */
function twoModels(): Study {
  const run = fixtureStudy().runs.at(-1) as RunFacts;
  const withModel = (name: string, base: string): Experiment => ({
    ...run.config,
    name,
    model: { ...run.config.model, base },
  });
  const small = withModel("small", "Qwen/Qwen3-4B");
  const renamed = <T>(own: Readonly<Record<string, T>>): Record<string, T> => ({
    ...own,
    "small.zero_shot": own.zero_shot as T,
    "small.tuned": own.tuned as T,
  });
  const comparison = run.comparison as NonNullable<RunFacts["comparison"]>;
  const analysis = run.analysis as NonNullable<RunFacts["analysis"]>;
  const [pair] = comparison.pairs as [(typeof comparison.pairs)[number]];
  const test = { test: "approximate randomisation" as const, p: 0.02, adjusted: 0.06 };
  const two: RunFacts = {
    ...run,
    config: withModel("large", "Qwen/Qwen3-8B"),
    compared: { small },
    arms: [...run.arms, ...["small.zero_shot", "small.tuned"].map((name) => ({ ...run.arms[0], name }) as never)],
    analysis: { ...analysis, arms: renamed(analysis.arms) },
    comparison: {
      ...comparison,
      arms: renamed(comparison.arms),
      pairs: [...comparison.pairs, { ...pair, a: "small.tuned", b: "small.zero_shot" }],
      family: {
        ...comparison.family,
        contrasts: [{ a: "small.tuned", b: "small.zero_shot", of: "training", ...test }],
      },
      interactions: [
        {
          a: { from: "zero_shot", to: "tuned" },
          b: { from: "small.zero_shot", to: "small.tuned" },
          ...{ difference: -0.05, low: -0.1, high: 0.02, method: "bca", detectable: 0.08 },
        },
      ],
    },
  };
  return { runs: [two], notes: {} };
}

const rows = (spec: object | undefined) => (spec as { data: { values: readonly object[] } } | undefined)?.data.values;

it("the forest plot has each planned difference with its interval, and the difference of gains", () => {
  expect(rows(contrasts(twoModels()))).toEqual([
    expect.objectContaining({ name: "Qwen3-8B, QLoRA − Qwen3-8B, zero-shot", difference: 0.2, low: 0.1, high: 0.3 }),
    expect.objectContaining({ name: "Qwen3-8B, QLoRA − most frequent" }),
    expect.objectContaining({ name: "Qwen3-4B, QLoRA − Qwen3-4B, zero-shot", kind: "planned difference" }),
    expect.objectContaining({ kind: "difference of gains", difference: -0.05, low: -0.1, high: 0.02 }),
  ]);
});

it("a dumbbell joins the zero-shot and the tuned F1 of each model and stratum", () => {
  expect(rows(gains(twoModels()))).toEqual([
    { model: "Qwen3-8B", stratum: "1-5 training rows", from: 0.667, to: 0.667 },
    { model: "Qwen3-4B", stratum: "1-5 training rows", from: 0.667, to: 0.667 },
  ]);
});

it("a study of one model has neither figure", () => {
  expect(contrasts(fixtureStudy())).toBeUndefined();
  expect(gains(fixtureStudy())).toBeUndefined();
});
