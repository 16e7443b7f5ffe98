/** Comparisons: experiments that stand beside each other in one plan, and what is said about their arms. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import type { Comparison } from "../steps/compare.ts";
import { type Rig, test } from "./rig.ts";
import { answers } from "./studies.ts";

const file = "experiments/study.yaml";

/** A second experiment that answers the same cases from another file, and the first one naming it. */
function addOther(rig: Rig): void {
  rig.write("experiments/data/other.jsonl", answers("test-", 9, 101));
  const text = rig.read(file).replace("name: study", "name: other").replace("answers.jsonl", "other.jsonl");
  rig.write("experiments/other.yaml", text);
  rig.append(file, "compare: [other]\n");
}

test("a compared experiment's steps join the plan; those that both need are done once", async ({ rig }) => {
  addOther(rig);
  const { manifest, steps } = await rig.built(file);
  expect(Object.keys(steps).sort()).toEqual(
    [
      "data",
      "generate.zero_shot",
      "generate.other.zero_shot",
      "evaluate.zero_shot",
      "evaluate.other.zero_shot",
      "compare",
      "analyse",
      "workbook",
    ].sort(),
  );
  const { arms } = rig.manifest(manifest);
  expect(Object.keys(arms)).toEqual(["zero_shot", "other.zero_shot"]);
  const folder = dirname(manifest);
  for (const path of ["zero_shot/predictions.jsonl", "other.zero_shot/predictions.jsonl", "workbook.xlsx"]) {
    expect(existsSync(join(folder, path)), path).toBe(true);
  }
  const comparison = rig.readJson(join(folder, "comparison.json")) as Comparison;
  expect(comparison).toMatchObject({ n: 9, view: "canonical", primary: "micro_f1" });
  expect(comparison.arms.zero_shot?.micro_f1?.value).toBeCloseTo(arms.zero_shot?.canonical.micro_f1 as number, 12);
  expect(comparison.pairs.map(({ a, b }) => [a, b])).toEqual([["zero_shot", "other.zero_shot"]]);
  expect(comparison.family.tests.map(({ against, test: by }) => [against, by])).toEqual([
    ["other.zero_shot", "approximate randomisation"],
  ]);

  // The other experiment by itself has nothing left to do but its own workbook.
  const alone = await rig.built("experiments/other.yaml");
  expect(alone.steps).toEqual({
    data: "reused",
    "generate.zero_shot": "reused",
    "evaluate.zero_shot": "reused",
    workbook: "built",
  });
});

test("a compared experiment with its own training rows has steps and folders of its own", async ({ rig }) => {
  addOther(rig);
  rig.edit("experiments/other.yaml", "train: {file: data/train.csv}", "train: {file: data/train.csv, limit: 20}");
  const { manifest, steps } = await rig.built(file);
  expect(Object.keys(steps)).toContain("data@other");
  expect(existsSync(join(dirname(manifest), "compared/other/data/train.jsonl"))).toBe(true);
});

test("experiments that are scored on other cases are refused before anything runs", async ({ rig }) => {
  addOther(rig);
  rig.edit("experiments/other.yaml", "test: {file: data/test.csv}", "test: {file: data/test.csv, limit: 5}");
  const { code, stderr } = await rig.exp("check", file);
  expect(code).toBe(2);
  expect(stderr).toContain("error[not-comparable]: the runs are not comparable: other.yaml differs in data.test");
});
