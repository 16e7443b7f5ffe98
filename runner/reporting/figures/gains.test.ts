import { expect, it } from "vitest";
import { fixtureStudy, twoModelStudy } from "../test-rig.ts";
import { contrasts } from "./contrasts.ts";
import { gains } from "./gains.ts";

const rows = (spec: object | undefined) => (spec as { data: { values: readonly object[] } } | undefined)?.data.values;

it("the forest plot has each planned difference with its interval, and the difference of gains", () => {
  expect(rows(contrasts(twoModelStudy()))).toEqual([
    expect.objectContaining({ name: "Qwen3-8B, QLoRA − Qwen3-8B, zero-shot", difference: 0.2, low: 0.1, high: 0.3 }),
    expect.objectContaining({
      name: "Qwen3-8B, QLoRA − most frequent",
      panel: "from baselines without a language model",
    }),
    expect.objectContaining({ name: "Qwen3-4B, QLoRA − Qwen3-4B, zero-shot", kind: "planned difference" }),
    expect.objectContaining({ kind: "difference of gains", difference: -0.05, low: -0.1, high: 0.02 }),
  ]);
});

it("a dumbbell joins the zero-shot and the tuned F1 of each model and stratum", () => {
  expect(rows(gains(twoModelStudy()))).toEqual(
    ["Qwen3-8B", "Qwen3-4B"].flatMap((model) => [
      { model, stratum: "1-5 training rows", from: 0.667, to: 0.667, gold: 4 },
      { model, stratum: "6-20 training rows", from: 0.5, to: 0.5, gold: 6 },
    ]),
  );
});

it("a study of one model has neither figure", () => {
  expect(contrasts(fixtureStudy())).toBeUndefined();
  expect(gains(fixtureStudy())).toBeUndefined();
});
