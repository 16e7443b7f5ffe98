/** Comparisons of experiments in one plan, and of finished runs. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import type { RunComparison } from "../runs/compare.ts";
import type { RunDiff } from "../runs/diff.ts";
import { environmentDir } from "../setup/cache.ts";
import { expectFailure } from "./command.ts";
import { addComparedStudy } from "./compared-study.ts";
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

test("steps of a compared experiment join the plan; shared steps run once", async ({ rig }) => {
  addOther(rig);
  const { manifest, steps } = await rig.build(file);
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

  // A run of the other experiment builds only its own analysis and workbook.
  const alone = await rig.build("experiments/other.yaml");
  expect(alone.steps).toEqual({
    data: "reused",
    "generate.zero_shot": "reused",
    "evaluate.zero_shot": "reused",
    analyse: "built",
    workbook: "built",
  });
});

test("a compared experiment with other training rows has separate steps and folders", async ({ rig }) => {
  addOther(rig);
  rig.edit("experiments/other.yaml", "train: {file: data/train.csv}", "train: {file: data/train.csv, limit: 20}");
  const { manifest, steps } = await rig.build(file);
  expect(Object.keys(steps)).toContain("data@other");
  expect(existsSync(join(dirname(manifest), "compared/other/data/train.jsonl"))).toBe(true);
});

test("experiments with different test cases are rejected before any step runs", async ({ rig }) => {
  addOther(rig);
  rig.edit("experiments/other.yaml", "test: {file: data/test.csv}", "test: {file: data/test.csv, limit: 5}");
  expectFailure(await rig.exp("check", file), 2, "not-comparable", "other.yaml", "data.test");
});

type ByScipy = {
  readonly arms: Record<string, { metrics: Record<string, number>; intervals: Record<string, [number, number]> }>;
  readonly pairs: Record<
    string,
    { micro_f1: [number, number]; p_randomisation: number; mcnemar: [number, number, number] }
  >;
  readonly holm: Record<string, number>;
};

test("exp compare RUN: agrees with SciPy, scikit-learn and statsmodels", async ({ rig }) => {
  addComparedStudy(rig);
  const { manifest } = await rig.build("experiments/a.yaml");
  const compared = await rig.json<RunComparison>("compare", "a");
  const { n, view, arms, pairs, family } = rig.readJson(join(dirname(manifest), "comparison.json")) as Comparison;
  expect(compared).toMatchObject({ n, view, arms, pairs, family });

  const script = fileURLToPath(new URL("scipy_compare.py", import.meta.url));
  const names = ["zero_shot", "b.zero_shot", "c.zero_shot"];
  expect(Object.keys(arms)).toEqual(names);
  const python = join(environmentDir("torchtune"), "bin/python");
  const scipy = JSON.parse(
    execFileSync(python, [script, dirname(manifest), ...names], { encoding: "utf8" }),
  ) as ByScipy;
  expect(Object.keys(scipy.arms)).toEqual(names);
  expect(Object.keys(scipy.pairs)).toEqual(names.slice(1));
  for (const [arm, { metrics, intervals }] of Object.entries(scipy.arms)) {
    expect(Object.keys(intervals).length).toBeGreaterThan(0);
    for (const [metric, value] of Object.entries(metrics)) expect(arms[arm]?.[metric]?.value).toBeCloseTo(value, 9);
    for (const [metric, [low, high]] of Object.entries(intervals)) {
      const own = arms[arm]?.[metric];
      // Both use 10,000 random samples, so their bounds agree up to the error of sampling.
      expect(Math.abs((own?.low as number) - low), `${arm} ${metric}`).toBeLessThan(0.012);
      expect(Math.abs((own?.high as number) - high), `${arm} ${metric}`).toBeLessThan(0.012);
    }
  }
  for (const [other, { micro_f1, p_randomisation, mcnemar }] of Object.entries(scipy.pairs)) {
    const pair = pairs.find(({ a, b }) => a === "zero_shot" && b === other);
    expect(Math.abs((pair?.metrics.micro_f1?.low as number) - micro_f1[0])).toBeLessThan(0.012);
    expect(Math.abs((pair?.metrics.micro_f1?.high as number) - micro_f1[1])).toBeLessThan(0.012);
    expect(Math.abs((pair?.metrics.micro_f1?.p_randomisation as number) - p_randomisation)).toBeLessThan(0.015);
    expect([pair?.exact_match?.only_a, pair?.exact_match?.only_b]).toEqual(mcnemar.slice(0, 2));
    expect(pair?.exact_match?.p).toBeCloseTo(mcnemar[2], 9);
    const adjusted = family.tests.find(({ against }) => against === other)?.adjusted as number;
    expect(Math.abs(adjusted - (scipy.holm[other] as number))).toBeLessThan(0.03);
  }
});

test("exp compare RUN RUN: compares primary arms and shared baselines", async ({ rig }) => {
  addComparedStudy(rig);
  for (const name of ["b", "c"]) await rig.build(`experiments/${name}.yaml`);
  const { answerers, runs, family, notes } = JSON.parse(
    await rig.output("compare", "b", "c", "--metric", "exact_match", "--json"),
  ) as RunComparison;
  expect(Object.keys(answerers)).toEqual(["b", "c"]);
  expect(runs.map(({ experiment }) => experiment)).toEqual(["b", "c"]);
  expect(family).toMatchObject({
    subject: "b",
    metric: "exact_match",
    tests: [{ against: "c", test: "exact McNemar" }],
  });
  expect(notes).toEqual([]);
  const text = await rig.output("compare", "b", "c", "--view", "basic");
  expect(text).toMatch(/^90 cases.*basic.*12 labels/m);
  expect(text).toMatch(
    /^b − c +−0\.\d{3} +\[[+−]0\.\d{3}, [+−]0\.\d{3}\] +0\.\d{3} +0\.\d{3} +0\.\d{3} +0\.\d{3} +\d+ \/ \d+ +0\.\d{3}$/m,
  );
  expect(text).toMatch(/^micro_f1: ./m);
  expect(text).toMatch(/test cases: 2\b/);
});

test("exp compare --reference --margin: the interval of the difference decides on non-inferiority", async ({ rig }) => {
  addComparedStudy(rig);
  for (const name of ["b", "c"]) await rig.build(`experiments/${name}.yaml`);
  const { pairs, primary } = await rig.json<RunComparison>("compare", "b", "c");
  const { difference, low = 0, high = 0, detectable } = pairs[0]?.metrics[primary] ?? {};
  expect(detectable as number).toBeGreaterThan((high - low) / 2);
  // The pair is b - c; the candidate is c, so that its bounds are -high and -low.
  const tested = async (margin: number) => {
    const args = ["compare", "b", "c", "--reference", "b", "--margin", String(margin)];
    return (await rig.json<RunComparison>(...args)).non_inferiority;
  };
  const wide = Math.max(0, high) + 0.01;
  expect(await tested(wide)).toEqual({
    ...{ reference: "b", metric: primary, margin: wide },
    tests: [{ candidate: "c", difference: -(difference as number), low: -high, high: -low, verdict: "non-inferior" }],
  });
  const text = await rig.output("compare", "b", "c", "--reference", "c", "--margin", "0.02");
  expect(text).toMatch(/Non-inferiority to c$/m);
  expect(text).toMatch(/margin 0\.02: (non-inferior|inferior|inconclusive) \(/);
  expectFailure(await rig.exp("compare", "b", "c", "--reference", "b"), 2, "bad-option", /--margin/);
  expectFailure(await rig.exp("compare", "b", "c", "--reference", "b", "--margin", "2"), 2, "bad-option");
  expectFailure(await rig.exp("compare", "b", "--reference", "x", "--margin", "0.1"), 2, "bad-option", /zero_shot/);
  const alone = await rig.exp("compare", "b", "--reference", "zero_shot", "--margin", "0.1");
  expectFailure(alone, 2, "bad-option", /other/);
});

test("evaluate.non_inferiority: a margin that the study declares is tested in the run", async ({ rig }) => {
  addComparedStudy(rig);
  const declare = (reference: string): void =>
    rig.edit(
      "experiments/b.yaml",
      /evaluate: .*/,
      `evaluate: {primary: {view: raw}, non_inferiority: {reference: ${reference}, margin: 0.02}}`,
    );
  declare("most_frequent");
  expectFailure(await rig.exp("plan", "experiments/b.yaml"), 2, "not-one-of", /most_frequent/, /zero_shot/);
  rig.edit("experiments/b.yaml", "baselines: []", "baselines: [most_frequent]");
  const { manifest } = await rig.build("experiments/b.yaml");
  const { non_inferiority: found } = rig.readJson(manifest.replace("manifest.json", "comparison.json")) as Comparison;
  expect(found).toMatchObject({ reference: "most_frequent", metric: "micro_f1", margin: 0.02 });
  expect(found?.tests).toMatchObject([{ candidate: "zero_shot", verdict: "non-inferior" }]);
  expect(await rig.output("show", "b")).toMatch(/^zero-shot − most frequent: micro_f1 .*margin 0\.02: non-inferior/m);
});

test("exp compare: rejects runs that are not comparable; --force compares shared cases", async ({ rig }) => {
  addComparedStudy(rig);
  await rig.build("experiments/b.yaml");
  rig.edit("experiments/c.yaml", "test: {file: data/cases.csv}", "test: {file: data/fewer.csv}");
  rig.write("experiments/data/fewer.csv", rig.read("experiments/data/cases.csv").split("\n").slice(0, 61).join("\n"));
  await rig.build("experiments/c.yaml");
  expectFailure(await rig.exp("compare", "b", "c"), 2, "runs-not-comparable", /\bb [0-9a-f]{8}…, c [0-9a-f]{8}…/);
  const refused = await rig.exp("compare", "b", "c", "--json");
  expect([refused.code, refused.stderr]).toEqual([2, ""]);
  expect(JSON.parse(refused.stdout)).toMatchObject({ code: "runs-not-comparable" });
  const forced = await rig.json<RunComparison>("compare", "b", "c", "--force");
  expect(forced.n).toBe(60);
  expect(forced.notes).toEqual([expect.stringMatching(/test file/), expect.stringMatching(/\b60 of 90\b/)]);
  expectFailure(await rig.exp("compare", "b", "b"), 2, "bad-argument");
  expectFailure(await rig.exp("compare", "b", "--view", "best"), 2, "bad-option");
});

test("the ledger counts looks at the test cases: one for a run or for scored predictions, none for cached results", async ({
  rig,
}) => {
  const scored = (): readonly string[] =>
    existsSync(rig.path("artifacts/ledger"))
      ? (readdirSync(rig.path("artifacts/ledger"), { recursive: true }) as string[]).filter((name) =>
          name.endsWith(".json"),
        )
      : [];
  await rig.build("experiments/study.yaml");
  expect(scored()).toHaveLength(1);
  await rig.build("experiments/study.yaml");
  expect(scored()).toHaveLength(1);
  await rig.build("experiments/study.yaml", "--force", "evaluate");
  expect(scored()).toHaveLength(2);
  const count = async (): Promise<number> =>
    Number(/experiments\/data\/test\.csv: (\d+)$/m.exec(await rig.output("show", "study"))?.[1]);
  // The same answers were scored again: nothing new was seen.
  expect(await count()).toBe(1);
  // A new arm, and a re-saved file with its rows in another order: the cases are the same.
  const [head, ...rows] = rig.read("experiments/data/test.csv").trim().split("\n");
  rig.write("experiments/data/test.csv", [head, ...rows.toReversed(), ""].join("\n"));
  rig.edit(file, "baselines: []", "baselines: [most_frequent]");
  await rig.build("experiments/study.yaml");
  expect(await count()).toBe(2);
  const predictions = rig.read("artifacts/runs/study/latest/zero_shot/predictions.jsonl").replace("unknown", "none");
  rig.write("own.jsonl", predictions.replaceAll('"labels":', '"pred":'));
  for (const _ of [1, 2]) expect(await rig.output("score", "own.jsonl")).toMatch(/evaluations of these cases: 3$/m);
  expect(await count()).toBe(3);
  expect((await rig.json<RunComparison>("compare", "study")).test_evaluations).toBe(3);
  const before = scored().length;
  rig.edit(file, "generate:", "evaluate: {split: validation}\ngenerate:");
  rig.edit(file, "  test: {file", "  validation: {fraction: 0.2}\n  test: {file");
  rig.write("experiments/data/answers.jsonl", answers("train-", 48));
  await rig.build("experiments/study.yaml");
  expect(scored()).toHaveLength(before);
});

test("exp diff: differences by category, and cases with changed correctness", async ({ rig }) => {
  addComparedStudy(rig);
  const first = await rig.build("experiments/b.yaml");
  const lines = rig.read("experiments/data/b.jsonl").split("\n");
  const wrongNow = lines.map((line) => line.replace(/("id":"test-[0-4]","text":)"[^"]*"/, '$1"finding z"'));
  rig.write("experiments/data/b.jsonl", wrongNow.join("\n"));
  const second = await rig.build("experiments/b.yaml", "--set", "evaluate.bootstrap.resamples=500");
  const diff = await rig.json<RunDiff>("diff", first.manifest, second.manifest);
  expect(diff.config).toEqual([{ name: "evaluate.bootstrap.resamples", a: 10000, b: 500 }]);
  expect(diff.data.map(({ name }) => name)).toEqual(["generate.file"]);
  expect([diff.prompt, diff.recipe, diff.environment, diff.hardware]).toEqual([[], [], [], []]);
  expect(diff.files.map(({ name }) => name)).toContain("evaluate.zero_shot: predictions.jsonl");
  const micro = diff.metrics.find(({ name }) => name === "zero_shot raw micro_f1");
  expect(micro?.difference).toBeLessThan(0);
  const { cases, fixed, broken, changed } = diff.cases.zero_shot as (typeof diff.cases)[string];
  expect([cases, fixed]).toEqual([90, []]);
  expect([...broken, ...changed].map(({ id }) => id).sort()).toEqual([
    "test-0",
    "test-1",
    "test-2",
    "test-3",
    "test-4",
  ]);
  expect(broken.length).toBeGreaterThan(0);
  for (const { gold, a, b } of broken) {
    expect(a?.toSorted()).toEqual(gold.toSorted());
    expect(b).toEqual(["finding z"]);
  }
  const text = await rig.output("diff", first.manifest, "b");
  expect(text).toMatch(/^ {2}evaluate\.bootstrap\.resamples +10000 +-> +500$/m);
  expect(text).toMatch(/^zero-shot: 90 cases, 0 fixed, \d broken, \d /m);
  expect(text.match(/^ {2}(broken|different) +test-[0-4] /gm)).toHaveLength(5);
  const same = await rig.json<RunDiff>("diff", "b", "b");
  expect([same.config, same.data, same.files, same.metrics]).toEqual([[], [], [], []]);
});

test("exp compare: averages runs that differ in seeds only", async ({ rig }) => {
  addComparedStudy(rig);
  rig.append(
    "experiments/b.yaml",
    "train: {backend: torchtune, method: lora}\nsweep: {repeat: {train.seed: [1, 2, 3]}}\n",
  );
  await rig.build("experiments/b.yaml");
  await rig.build("experiments/c.yaml");
  const names = readdirSync(rig.path("artifacts/runs/b")).filter((name) => name.startsWith("train.seed="));
  const compared = JSON.parse(
    await rig.output("compare", ...names.map((name) => `b/${name}`), "c", "--json"),
  ) as RunComparison;
  expect(Object.keys(compared.answerers)).toEqual(["b (3 seeds)", "c"]);
  const micro = compared.arms["b (3 seeds)"]?.micro_f1;
  // The answers are replayed: the same for each seed.
  expect(micro?.seeds).toEqual(Array.from({ length: 3 }, () => expect.closeTo(micro?.value as number, 12)));
  expect(micro?.sd).toBeCloseTo(0, 12);
  expect(compared.family.tests).toMatchObject([{ against: "c", test: "t test over seeds and cases" }]);
});
