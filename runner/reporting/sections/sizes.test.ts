import { expect, it } from "vitest";
import type { RunFacts } from "../report/study.ts";
import { fixtureStudy, twoModelStudy } from "../test-rig.ts";
import { sizes } from "./sizes.ts";

it("the table of models has the score of each arm, the gain of each model, and the difference of the gains", () => {
  const [table] = sizes(twoModelStudy().runs.at(-1) as RunFacts).filter(({ type }) => type === "table");
  expect(table).toMatchObject({
    head: ["base model", "zero-shot", "QLoRA", "QLoRA − zero-shot"],
    rows: [
      ["Qwen3-8B", expect.stringContaining("0.400"), expect.stringContaining("0.500"), "+0.200 [+0.100, +0.300]"],
      ["Qwen3-4B", expect.stringContaining("0.400"), expect.stringContaining("0.500"), "+0.200 [+0.100, +0.300]"],
      ["Qwen3-8B − Qwen3-4B", "–", "–", "−0.050 [−0.100, +0.020]"],
    ],
  });
});

it("a study of one model has no such table", () => {
  expect(sizes(fixtureStudy().runs.at(-1) as RunFacts)).toEqual([]);
});
