/** Studies with free texts: the shipped one with simulated answers up to its export, and the page docs/how-to/free-text.md. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import excel from "exceljs";
import { expect } from "vitest";
import type { Analysis } from "../evaluation/error-analysis/analyse.ts";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import { runDocPage } from "./doc-page.ts";
import { test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));

test("the data and the simulated answers of the incident study are those of their script", async ({ rig }) => {
  const folder = rig.path("incidents");
  mkdirSync(folder);
  cpSync(join(clone, "experiments/incidents/generate.py"), join(folder, "generate.py"));
  execFileSync("python3", [join(folder, "generate.py")], { stdio: "pipe" });
  const written = readdirSync(folder).filter((name) => !name.endsWith(".py"));
  expect(written.sort()).toEqual(["simulated-tuned.jsonl", "simulated-zero-shot.jsonl", "test.csv", "train.csv"]);
  for (const name of written)
    expect(readFileSync(join(folder, name), "utf8"), name).toBe(
      readFileSync(join(clone, "experiments/incidents", name), "utf8"),
    );
});

test("a study of free texts: run, tables, report, workbook and export without a word on labels", async ({ rig }) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  const path = "experiments/incident-titles-replay.yaml";
  const audit = await rig.exp("data", path);
  expect(audit.stdout).toContain("rows without input / without target");
  expect(audit.stdout).not.toMatch(/label|micro-F1/i);

  const { manifest } = await rig.build(path);
  const { arms, intervals, run } = rig.manifest(manifest);
  const value = (arm: string, metric: string) => arms[arm]?.raw[metric] as number;
  expect(value("tuned", "rouge_l")).toBeGreaterThan(value("nearest", "rouge_l"));
  expect(value("tuned", "exact_match")).toBeCloseTo(9 / 40, 12);
  for (const metric of ["rouge_l", "token_f1", "bleu", "chrf", "length_ratio"])
    expect(intervals.tuned?.raw[metric]?.low, metric).toBeLessThan(value("tuned", metric));

  const folder = `artifacts/runs/incident-titles-replay/${run}`;
  const comparison = JSON.parse(rig.read(join(folder, "comparison.json"))) as Comparison;
  expect(comparison.family.tests.map(({ against }) => against)).toEqual(["zero_shot", "lead", "nearest"]);
  const { tuned } = (JSON.parse(rig.read(join(folder, "analysis.json"))) as Analysis).arms;
  expect(tuned?.categories.find(({ name }) => name === "near_variant")?.cases).toBe(3);
  const byLength = tuned?.strata.properties?.filter(({ property }) => property === "words per target") ?? [];
  expect(byLength.reduce((sum, { cases }) => sum + cases, 0)).toBe(40);
  // The strata divide the cases, so that the mean of their means is the mean of all.
  expect(byLength.reduce((sum, { cases, primary }) => sum + cases * (primary as number), 0) / 40).toBeCloseTo(
    value("tuned", "rouge_l"),
    9,
  );

  const shown = await rig.exp("show", "incident-titles-replay");
  expect(shown.stdout).toContain("chrf");
  expect(shown.stdout).not.toMatch(/label/i);
  expect((await rig.exp("compare", "incident-titles-replay")).stdout).not.toMatch(/label/i);

  expect((await rig.exp("export", "out", "incident-titles-replay")).code).toBe(0);
  // The README's command computes the scores of the run.
  const [command = ""] = rig.read("out/README.md").match(/^npx exp score .*\/zero_shot\/.*$/m) ?? [];
  expect(command).toMatch(/ --pred prediction --task text$/);
  const score = await rig.start([...command.split(" ").slice(2), "--json"], { cwd: rig.path("out") }).ended;
  const { views, n } = JSON.parse(score.stdout) as { n: number; views: Record<string, Record<string, number>> };
  expect(n).toBe(40);
  // Some answers are empty.
  expect(value("zero_shot", "chrf")).toBeGreaterThan(0.1);
  expect([views.raw, views.basic]).toEqual([arms.zero_shot?.raw, arms.zero_shot?.basic]);
  const refused = await rig.exp(
    "score",
    `out/${command.split(" ")[3]?.replace("zero_shot", "tuned")}`,
    "--task",
    "text",
    "--separator",
    ";",
  );
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("--separator is for labels")]);

  const text = execFileSync("pdftotext", ["-layout", rig.path("out/report.pdf"), "-"], { encoding: "utf8" });
  expect(text).toContain("words per target");
  expect(text).toContain(value("tuned", "rouge_l").toFixed(3));
  expect(text).not.toMatch(/label|micro-F1/i);
  for (const file of ["README.md", "checklist.md"]) expect(rig.read(join("out", file)), file).not.toMatch(/\blabel/i);
  const page = rig.read("out/report.html").replaceAll(/<(script|style|svg)[\s\S]*?<\/\1>|<[^>]*>/g, " ");
  expect(page).toContain("Answers are shown in the raw view");
  expect(page).not.toMatch(/\blabels?\b(?! *(?:Text|Arm|Prediction))/i);

  const book = new excel.Workbook();
  await book.xlsx.readFile(rig.path("out/workbook.xlsx"));
  const sheets = book.worksheets.map(({ name }) => name);
  expect(sheets).toEqual(expect.arrayContaining(["Summary", "By case", "Cases", "Errors", "Data audit"]));
  for (const sheet of book.worksheets) {
    const cells: string[] = [];
    sheet.eachRow((row) => row.eachCell(({ text: cell }) => cells.push(cell)));
    expect(
      cells.filter((cell) => /label/i.test(cell)),
      sheet.name,
    ).toEqual([]);
  }
});

test("an empty target is an error of the data audit", async ({ rig }) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  rig.edit(
    "experiments/incidents/test.csv",
    /,"Broken bearing in cold store[^\n]*/.exec(rig.read("experiments/incidents/test.csv"))?.[0] ?? "",
    ",",
  );
  const { code, stdout } = await rig.exp("data", "experiments/incident-titles-replay.yaml");
  expect(code).not.toBe(0);
  expect(stdout).toMatch(/error\[unreadable-target\].*\n.*i161/);
});

test("every example of docs/how-to/free-text.md works", async ({ rig }) => {
  await runDocPage(rig, "docs/how-to/free-text.md", 10);
});
