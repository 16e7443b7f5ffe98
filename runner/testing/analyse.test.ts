/** The error analysis of a run, and the baselines that need no Python. */
import { dirname, join } from "node:path";
import excel from "exceljs";
import { expect } from "vitest";
import type { Analysis, Failure } from "../evaluation/error-analysis/analyse.ts";
import { expectFailure } from "./command.ts";
import { test } from "./rig.ts";

const file = "experiments/study.yaml";

test("the error analysis agrees between files, exp show and the workbook", async ({ rig }) => {
  rig.write("experiments/labels/groups.yaml", "kidney: [kidney cyst, kidney stone]\n");
  rig.edit(file, 'labels: {separator: ","}', "labels: {groups: labels/groups.yaml}");
  rig.edit(file, "baselines: []", "baselines: [nearest, most_frequent]");
  const { manifest, steps } = await rig.build(file);
  expect(steps).toMatchObject({ "generate.most_frequent": "built", "generate.nearest": "built", analyse: "built" });

  const folder = dirname(manifest);
  const { n, baseline, zero_shot, arms } = rig.readJson(join(folder, "analysis.json")) as Analysis;
  expect({ n, baseline, zero_shot }).toEqual({ n: 9, baseline: "nearest", zero_shot: "zero_shot" });
  expect(Object.keys(arms)).toEqual(["zero_shot", "most_frequent", "nearest"]);
  // Every third of the nine replayed predictions is "unknown".
  expect(arms.zero_shot).toMatchObject({ cases: 9, wrong: 3 });
  const shown = (name: string) => arms.zero_shot?.categories.find((one) => one.name === name);
  expect(shown("out_of_set")).toMatchObject({ cases: 3 });
  expect(shown("out_of_set")?.examples[0]).toMatchObject({ label: "unknown", sentence: null });
  expect(shown("omission")?.examples.map(({ sentence }) => sentence)).toEqual(
    Array.from({ length: 3 }, () => expect.stringMatching(/^The \w+ shows a \d+ mm \w+, other organs are normal\.$/)),
  );
  expect(arms.zero_shot?.strata.group.map(({ name }) => name)).toEqual(["kidney"]);
  for (const [arm, { exact_match, micro_f1 }] of Object.entries(arms)) {
    const scores = rig.manifest(manifest).arms[arm]?.canonical;
    expect([exact_match, micro_f1]).toEqual([scores?.exact_match, expect.closeTo(scores?.micro_f1 as number, 12)]);
  }

  const failures = rig
    .read(join(folder, "failures.jsonl"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Failure);
  const failed = failures.filter(({ arm }) => arm === "zero_shot").map(({ id }) => id);
  expect(failed).toEqual(["test-0", "test-3", "test-6"]);

  const text = await rig.output("show", "study");
  expect(text).toMatch(/ 3 of 9 /);
  expect(text).toMatch(/^most frequent .*zero-shot: \d+ fixed, \d+ broken, \d+ wrong in both$/m);

  const book = new excel.Workbook();
  await book.xlsx.readFile(join(folder, "workbook.xlsx"));
  const rows = (book.getWorksheet("Errors")?.getSheetValues() ?? []).slice(1) as string[][];
  expect(rows.find((row) => row[1] === "zero-shot" && row[2] === "out_of_set")?.slice(3, 5)).toEqual([3, 1]);
  const cases = (book.getWorksheet("Cases")?.getSheetValues() ?? []).slice(1) as string[][];
  const last = (cases[1] as string[]).indexOf("Error categories");
  expect(cases.find((row) => row[1] === "test-0" && row[2] === "zero-shot")?.[last]).toMatch(/^omission; addition/);
});

test("the causes of errors agree between files, exp show and the workbook; a lexicon changes them", async ({ rig }) => {
  const data = "experiments/data/test.csv";
  rig.write(data, rig.read(data).replace(/^test-0,"[^"]*"/m, 'test-0,"No unknown. The kidney is normal."'));
  const { manifest } = await rig.build(file);
  const causesIn = (folder: string) => {
    const { arms } = rig.readJson(join(folder, "analysis.json")) as Analysis;
    const { counts = [], omitted, added } = arms.zero_shot?.causes ?? {};
    return { omitted, added, counts: Object.fromEntries(counts.map((one) => [one.name, one.omitted + one.added])) };
  };
  const folder = dirname(manifest);
  const found = causesIn(folder);
  expect(found).toMatchObject({ omitted: 4, added: 3, counts: { unseen_label: 3, negated: 1 } });
  const lines = rig.read(join(folder, "failures.jsonl")).trim().split("\n");
  const errors = lines.flatMap((line) => (JSON.parse(line) as Failure).causes ?? []);
  expect(errors.filter(({ causes }) => causes.includes("unseen_label"))).toHaveLength(3);
  expect(await rig.output("show", "study")).toMatch(/^unseen_label +3$/m);
  const book = new excel.Workbook();
  await book.xlsx.readFile(join(folder, "workbook.xlsx"));
  const rows = (book.getWorksheet("Causes")?.getSheetValues() ?? []).slice(1) as string[][];
  expect(rows.find((row) => row[1] === "zero-shot" && row[2] === "unseen_label")?.slice(3, 5)).toEqual([0, 3]);

  rig.write("experiments/labels/lexicon.yaml", "negated: {before: [kein]}\n");
  rig.edit(file, 'labels: {separator: ","}', "labels: {lexicon: labels/lexicon.yaml}");
  const again = await rig.build(file);
  expect(again.steps).toMatchObject({ "evaluate.zero_shot": "reused", analyse: "built" });
  expect(causesIn(dirname(again.manifest)).counts).toMatchObject({ unseen_label: 3, negated: 0 });
  rig.write("experiments/labels/lexicon.yaml", "negated: [kein]\n");
  expect((await rig.exp("check", file)).stderr).toMatch(/error\[not-a-map\]/);
});

test("check rejects a malformed groups file", async ({ rig }) => {
  rig.write("experiments/labels/groups.yaml", "[kidney]\n");
  rig.edit(file, 'labels: {separator: ","}', "labels: {groups: labels/groups.yaml}");
  expect((await rig.exp("check", file)).stderr).toMatch(/error\[not-a-map\]/);
});

test("evaluate.subgroups: each arm is scored on the cases with each value of a column", async ({ rig }) => {
  const [head, ...rows] = rig.read("experiments/data/test.csv").trim().split("\n");
  // Site A has six of nine cases, site B three, too few for a score; the sex of one case is missing.
  const sexes = ["f", "f", "m", "f", "m", "f", "m", "m", ""];
  const lines = rows.map((row, at) => `${row},${at % 3 === 2 ? "B" : "A"},${sexes[at]}`);
  rig.write("experiments/data/test.csv", [`${head},site,sex`, ...lines, ""].join("\n"));
  await rig.build(file);
  rig.edit(file, "baselines: []", "baselines: []\nevaluate: {primary: {metric: exact_match}, subgroups: [site, sex]}");
  const { manifest, steps } = await rig.build(file);
  // Training and generation do not depend on subgroups.
  expect(steps).toMatchObject({ data: "built", "generate.zero_shot": "reused", analyse: "built" });
  const { subgroups } = rig.readJson(join(dirname(manifest), "analysis.json")) as Analysis;
  expect(subgroups?.groups.map(({ column, value, cases, arms }) => [column, value, cases, Object.keys(arms)])).toEqual([
    ["site", "A", 6, ["zero_shot"]],
    ["site", "B", 3, []],
    ["sex", "f", 4, []],
    ["sex", "m", 4, []],
    ["sex", "(missing)", 1, []],
  ]);
  // Answers 0, 3 and 6 are wrong, and all three are of site A.
  const found = subgroups?.groups[0]?.arms.zero_shot;
  expect(found).toMatchObject({ score: 0.5, method: "clopper_pearson" });
  expect((found?.low as number) < 0.5 && 0.5 < (found?.high as number)).toBe(true);
  const text = await rig.output("show", "study");
  expect(text).toMatch(/^site +A +6 +0\.500 \[0\.118, 0\.882\]$/m);
  expect(text).toMatch(/^ +B +3 +fewer than 5 cases$/m);
  expect(text).toMatch(/not corrected for their number/);

  rig.edit(file, "[site, sex]", "[site, age]");
  expectFailure(await rig.exp("check", file), 2, "missing-column", /"age"/);
});
