/** `--smoke`: the whole study on a few rows, which is marked everywhere. */
import excel from "exceljs";
import { expect } from "vitest";
import { smokeWarning } from "../config/smoke.ts";
import { test } from "./rig.ts";
import { table } from "./studies.ts";

const file = "experiments/study.yaml";

test("a smoke run has its own name, keys and mark, and does not change the real run", async ({ rig }) => {
  const real = await rig.build(file);
  const plan = await rig.plan(file, "--smoke");
  expect(plan).toMatchObject({ data: expect.stringMatching(/^run/) });
  const smoke = await rig.build(file, "--smoke");
  expect(smoke.steps.data).toBe("built");
  expect(rig.manifest(smoke.manifest)).toMatchObject({ experiment: "study+smoke", smoke: true, file });
  expect(rig.manifest(real.manifest)).toMatchObject({ experiment: "study", smoke: false });

  const rows = JSON.parse(await rig.output("ls", "--json")) as { experiment: string; smoke: boolean }[];
  expect(rows.map(({ experiment, smoke: marked }) => [experiment, marked])).toEqual([
    ["study", false],
    ["study+smoke", true],
  ]);
  const warning = smokeWarning("study+smoke");
  expect(await rig.output("show", "study+smoke")).toContain(warning);
  expect(await rig.output("show", "study")).not.toMatch(/smoke/);
  // Every file of the export has the notice.
  expect((await rig.exp("export", "out", "study+smoke")).code).toBe(0);
  for (const name of ["README.md", "checklist.md", "report.html"]) expect(rig.read(`out/${name}`)).toContain(warning);
  const book = new excel.Workbook();
  await book.xlsx.readFile(rig.path("out/workbook.xlsx"));
  for (const sheet of book.worksheets) expect(sheet.getCell("A1").value, sheet.name).toContain(warning);
  expect(await rig.json("why", "study+smoke", "data")).toMatchObject({ status: "cached" });
  expect((await rig.build(file)).manifest).toBe(real.manifest);
});

test("a smoke run has at most 20 rows of each part, and every point of a sweep", async ({ rig }) => {
  rig.write("experiments/data/test.csv", table("test-", 40, 100));
  rig.write(
    "experiments/data/answers.jsonl",
    Array.from({ length: 40 }, (_, index) => `{"id":"test-${index}","text":"liver cyst"}\n`).join(""),
  );
  rig.append(file, "sweep: {grid: {evaluate.bootstrap.seed: [1, 2]}}\n");
  const smoke = await rig.build(file, "--smoke");
  const lines = (name: string) => rig.read(`artifacts/runs/study+smoke/latest/${name}`).trim().split("\n");
  expect(lines("data/train.jsonl")).toHaveLength(20);
  expect(lines("zero_shot/predictions.jsonl")).toHaveLength(20);
  expect(smoke.events.filter(({ type }) => type === "run-end")).toHaveLength(2);
  expect((await rig.build(file, "--smoke")).steps.data).toBe("reused");
});
