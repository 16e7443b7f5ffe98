import { expect, it } from "vitest";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Block } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { fixtureStudy } from "../test-rig.ts";
import { data } from "./data.ts";
import { errorAnalysis } from "./error-analysis.ts";
import { method } from "./method.ts";
import { prompts } from "./prompts.ts";
import { results } from "./results.ts";

const trained = fixtureStudy().runs.at(-1) as RunFacts;
const tables = (blocks: readonly Block[]) => blocks.flatMap((block) => (block.type === "table" ? [block] : []));
const tableOf = (blocks: readonly Block[], id: string) => tables(blocks).find((table) => table.id === id);

it("a division of cases or labels with one stratum is no row: it repeats the results", () => {
  const rows = tableOf(errorAnalysis({ runs: [trained], notes: {} }), "strata-cases")?.rows ?? [];
  expect(rows.map(([by]) => by).filter((by) => by !== "")).toEqual(["gold labels per case", "normality"]);
});

it("a task with one label for each case has no number of labels per case", () => {
  const single = { ...trained, config: { ...trained.config, task: "single_label" } as Experiment };
  const text = (run: RunFacts): string =>
    JSON.stringify([...data({ runs: [run], notes: {} }), ...results({ runs: [run], notes: {} })]);
  expect(text(trained)).toMatch(/labels \/ case.*Labels per case are/s);
  expect(text(single)).not.toMatch(/labels \/ case|[Ll]abels per case/);
});

it("equal scores in all views are a sentence", () => {
  const arms = trained.arms.map(
    (arm) => ({ ...arm, views: { raw: arm.views.basic, basic: arm.views.basic } }) as never,
  );
  expect(tableOf(results({ runs: [trained], notes: {} }), "views")).toBeDefined();
  expect(tableOf(results({ runs: [{ ...trained, arms }], notes: {} }), "views")).toBeUndefined();
});

it("of more than four runs, tables have the primary arm of each run and its first test", () => {
  const runs = [1, 2, 3, 4, 5].map((at) => ({ ...trained, name: `run ${at}`, run: `run-${at}` }));
  const blocks = results({ runs, notes: {} });
  for (const id of ["results", "tests"])
    expect(tableOf(blocks, id)?.rows.map(([name]) => name)).toEqual(runs.map(({ name }) => name));
  expect(tableOf(blocks, "results")?.rows.every((row) => row[1] === "QLoRA")).toBe(true);
});

it("a sweep over prompts has their paired differences, adjusted with Holm's method", () => {
  const study: Study = {
    ...{ runs: [trained], notes: {} },
    promptDifferences: {
      [trained.run]: {
        ...{ metric: "micro_f1", view: "basic", reference: 0 },
        tests: [{ setting: 1, difference: 0.2, low: 0.1, high: 0.3, detectable: 0.05, p: 0.01, adjusted: 0.02 }],
      },
    },
  };
  expect(tableOf(prompts(study), `prompts-${trained.run}`)?.rows).toEqual([
    ["rank 8", "0.500", "–", "–", "–", "–", "–"],
    ["rank 16", "0.700 [0.600, 0.800]", "+0.200", "[+0.100, +0.300]", "0.050", "0.010", "0.020"],
  ]);
});

it("a replayed training has the architecture and the trainable parameters of the published model that it declares", () => {
  const { train: _train, ...steps } = trained.steps;
  const { model: _model, ...declared } = { ...trained, steps, curves: {} };
  const withBase = (base: string): RunFacts => ({
    ...(declared as RunFacts),
    config: { ...trained.config, model: { ...trained.config.model, base } },
  });
  const blocks = method({ runs: [withBase("Qwen/Qwen3-4B")], notes: {} });
  expect(tableOf(blocks, "architecture")).toMatchObject({
    rows: [["Qwen/Qwen3-4B", expect.anything(), "4.02 billion", "36", "2,560", "32 (8)", "9,728", "151,936"]],
    caption: expect.stringContaining("No model was loaded"),
  });
  const rows = tableOf(blocks, "training")?.rows ?? [];
  expect(rows.find(([name]) => name === "trainable parameters (computed)")?.[1]).toBe("33,030,144 (0.82 %)");
  expect(tableOf(method({ runs: [withBase("own/model")], notes: {} }), "architecture")).toBeUndefined();
});
