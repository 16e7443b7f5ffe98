import { expect, it } from "vitest";
import type { Experiment } from "../../plugins/experiment.ts";
import { armNames, armNamesOfRuns, commonArmName, modelArmsOf } from "./arm-names.ts";

const experiment = (name: string, base: string, more: object = {}) =>
  ({ name, model: { base }, prompt: { examples: { count: 0 } }, ...more }) as unknown as Experiment;
const lora = (rank: number) => ({ train: { method: "lora", rank } });
const large = experiment("large", "Qwen/Qwen3-8B", lora(16));
const namesOf = (arms: readonly string[], others: readonly Experiment[] = []) => [
  ...armNames({ config: large, compared: Object.fromEntries(others.map((one) => [one.name, one])), arms }).values(),
];

it("names the arms of one model by their method", () => {
  expect(namesOf(["zero_shot", "nearest", "tuned", "ensemble"])).toEqual([
    ...["zero-shot", "nearest neighbour", "LoRA", "ensemble"],
  ]);
});

it("names the arms of several models by model and method, and examples in the prompt", () => {
  const small = experiment("small", "/models/Qwen3-4B/", { train: { method: "qlora", rank: 8 } });
  const few = experiment("few", "Qwen/Qwen3-8B", { prompt: { examples: { count: 4 } } });
  const arms = ["zero_shot", "nearest", "tuned", "small.zero_shot", "small.tuned", "few.zero_shot"];
  expect(namesOf(arms, [small, few])).toEqual([
    ...["Qwen3-8B, zero-shot", "nearest neighbour", "Qwen3-8B, LoRA"],
    ...["Qwen3-4B, zero-shot", "Qwen3-4B, QLoRA", "Qwen3-8B, few-shot"],
  ]);
  const run = { config: large, compared: { small, few }, arms };
  expect(modelArmsOf(run).map(({ model, kind }) => `${model} ${kind}`)).toContain("Qwen3-8B few-shot");
});

it("tells equal names apart by what differs: rank, number of examples, else the experiment", () => {
  const wide = experiment("wide", "Qwen/Qwen3-8B", lora(64));
  expect(namesOf(["tuned", "wide.tuned"], [wide])).toEqual(["LoRA (rank 16)", "LoRA (rank 64)"]);
  const other = experiment("other", "Qwen/Qwen3-8B", lora(16));
  expect(namesOf(["tuned", "nearest", "other.tuned", "other.nearest"], [other])).toEqual([
    ...["LoRA (large)", "nearest neighbour (large)", "LoRA (other)", "nearest neighbour (other)"],
  ]);
});

it("names an arm over runs: by its name if it is the same in all, else by its kind", () => {
  const arms = ["zero_shot", "tuned"];
  const other = experiment("other", "Qwen/Qwen3-4B", { train: { method: "qlora", rank: 16 } });
  const runs = [large, other].map((config) => ({ config, arms }));
  expect(arms.map((arm) => commonArmName(arm, runs))).toEqual(["zero-shot", "fine-tuned"]);
  expect(commonArmName("tuned", runs.slice(0, 1))).toBe("LoRA");
});

it("names arms of several runs: equal names get the experiment if it differs, else the run", () => {
  const other = experiment("other", "Qwen/Qwen3-8B", lora(16));
  const inRun = (config: Experiment, run: string, compared = {}) => ({
    ...{
      config,
      compared,
      run,
      arm: "nearest",
      arms: ["nearest", ...Object.keys(compared).map((name) => `${name}.nearest`)],
    },
  });
  const names = (runs: readonly ReturnType<typeof inRun>[]) => [
    ...armNamesOfRuns(new Map(runs.map((run, at) => [String(at), run]))).values(),
  ];
  expect(names([inRun(large, "a1")])).toEqual(["nearest neighbour"]);
  expect(names([inRun(large, "a1"), inRun(other, "b2")])).toEqual([
    ...["nearest neighbour (large)", "nearest neighbour (other)"],
  ]);
  expect(names([inRun(large, "a1"), inRun(large, "c3", { other })])).toEqual([
    ...["nearest neighbour (a1)", "nearest neighbour (c3)"],
  ]);
});

it("names an arm of a manifest that lacks the section of examples", () => {
  const old = { ...large, prompt: {} } as unknown as Experiment;
  expect(armNames({ config: old, arms: ["zero_shot"] }).get("zero_shot")).toBe("zero-shot");
});
