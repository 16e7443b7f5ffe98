/** Metrics that a study brings: the page docs/how-to/own-metrics.md, caching, errors, permission, exports and workbooks. */
import excel from "exceljs";
import { expect } from "vitest";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import { expectFailure } from "./command.ts";
import { runDocPage } from "./doc-page.ts";
import { type Rig, test } from "./rig.ts";

const metric = `export const contribute = (target, prediction) => ({ cases: 1, given: prediction?.length ?? 0 });
export const value = (sums) => sums.given / sums.cases;
`;

/** The replayed study with a metric in JavaScript as the primary one. */
function withMetric(rig: Rig): void {
  rig.write("metrics/given.mjs", metric);
  rig.write(
    "experiments/given.yaml",
    `extends: study.yaml
name: given
baselines: [most_frequent]
evaluate:
  metrics: [micro_f1, {name: labels_given, file: ../metrics/given.mjs, range: [0, 9], definition: Mean number of labels}]
  primary: {metric: labels_given, view: raw}
`,
  );
}

test("every example of docs/how-to/own-metrics.md works", async ({ rig }) => {
  rig.usePython();
  expect((await rig.exp("init", "plants")).code).toBe(0);
  rig.folder = rig.path("plants");
  const outputs = await runDocPage(rig, "docs/how-to/own-metrics.md", 6);
  const { arms, intervals } = rig.manifest(rig.path("artifacts/runs/own/latest/manifest.json"));
  // 8 of 10 severe problems are found; the lost ones cost 9 in 12 cases.
  expect(arms.zero_shot?.canonical).toMatchObject({ severe_recall: 0.8, missed_cost: 0.75 });
  expect(intervals.zero_shot?.canonical?.severe_recall).toMatchObject({ method: "bca", high: 1 });
  expect(outputs[3]).toContain("Differences in missed_cost");
  expect(outputs[5]).toMatch(/severe +0\.7000/);
});

test("a metric of the study: tests, reports, workbook, cache, changes and exports", async ({ rig }) => {
  withMetric(rig);
  const { manifest } = await rig.build("experiments/given.yaml");
  const { run } = rig.manifest(manifest);
  const folder = `artifacts/runs/given/${run}`;
  const comparison = rig.readJson(`${folder}/comparison.json`) as Comparison;
  expect(comparison.family).toMatchObject({ metric: "labels_given", tests: [{ against: "most_frequent" }] });
  expect(comparison.pairs[0]?.metrics.labels_given?.p_randomisation).toBeGreaterThan(0);

  const shown = await rig.output("show", "given");
  expect(shown).toContain("labels_given");
  expect((await rig.exp("report", "given", "--html", "--out", "out")).code).toBe(0);
  expect(rig.read("out/report.html")).toContain("Mean number of labels");
  const book = new excel.Workbook();
  await book.xlsx.readFile(rig.path(`${folder}/workbook.xlsx`));
  const cells: string[] = [];
  for (const sheet of book.worksheets) sheet.eachRow((row) => row.eachCell(({ text }) => cells.push(text)));
  expect(cells).toEqual(expect.arrayContaining(["labels_given", "Mean number of labels"]));

  expect((await rig.exp("export", "package", "given")).code).toBe(0);
  expect(rig.read("package/metrics/given.mjs")).toBe(metric);

  // Nothing runs again, until the file changes. A comparison of the finished run needs the file that it used.
  const again = await rig.build("experiments/given.yaml");
  expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  rig.write("metrics/given.mjs", metric.replace("cases: 1", "cases: 2"));
  expectFailure(await rig.exp("compare", "given"), 2, "runs-not-comparable", "metrics/given.mjs");
  const changed = await rig.build("experiments/given.yaml");
  expect(changed.steps).toMatchObject({
    data: "reused",
    "evaluate.zero_shot": "built",
    compare: "built",
    workbook: "built",
  });

  rig.write("metrics/given.mjs", metric.replace("prediction?.length ?? 0", "prediction.no.such"));
  const failed = await rig.exp("run", "experiments/given.yaml");
  expectFailure(failed, 1, "metric-failed", `${rig.path("metrics/given.mjs")}:1: TypeError`);
});

test("a metric selects the setting of a sweep", async ({ rig }) => {
  withMetric(rig);
  rig.append(
    "experiments/given.yaml",
    `data: {validation: {file: data/validation.csv}, accept: [leak]}
sweep: {grid: {generate.file: [data/answers.jsonl, data/none.jsonl]}, select: {metric: labels_given, view: raw}}
`,
  );
  const [head, ...rows] = rig.read("experiments/data/test.csv").trim().split("\n");
  rig.write("experiments/data/validation.csv", `${[head, ...rows.map((row) => `v${row}`)].join("\n")}\n`);
  const answers = rig.read("experiments/data/answers.jsonl").trim().split("\n");
  const all = [...answers, ...answers.map((line) => line.replace('"test-', '"vtest-'))];
  rig.write("experiments/data/answers.jsonl", `${all.join("\n")}\n`);
  const none = all.map((line) => JSON.stringify({ ...JSON.parse(line), text: "None" }));
  rig.write("experiments/data/none.jsonl", `${none.join("\n")}\n`);
  await rig.build("experiments/given.yaml");
  const listed = await rig.output("ls");
  expect(listed).toContain("labels_given");
  const { config } = rig.manifest(rig.path("artifacts/runs/given/latest/manifest.json"));
  expect(config.generate).toMatchObject({ file: "experiments/data/answers.jsonl" });
});

test("the code of a metric of another author runs only after --trust, and again after a change", async ({ rig }) => {
  withMetric(rig);
  rig.write("manifests/study-12345678.json", "{}");
  rig.write("checklist.md", "# Checklist\n");
  const line = 'evaluate.metrics, labels_given: runs the code of "metrics/given.mjs", sha256 ';
  for (const command of ["check", "run"])
    expectFailure(await rig.exp(command, "experiments/given.yaml"), 3, "untrusted", line);
  expect((await rig.exp("run", "experiments/given.yaml", "--trust")).code).toBe(0);
  expect((await rig.exp("compare", "given")).code).toBe(0);
  rig.remove("../config/exp/trusted");
  expectFailure(await rig.exp("compare", "given"), 3, "untrusted", line);
  expect((await rig.exp("compare", "given", "--trust")).code).toBe(0);
  rig.append("metrics/given.mjs", "// changed\n");
  expectFailure(await rig.exp("run", "experiments/given.yaml"), 3, "untrusted", line);
});
