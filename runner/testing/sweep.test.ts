/** Sweeps: shared steps, the choice of a winner on validation rows, and its scores on test rows. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import excel from "exceljs";
import { describe, expect } from "vitest";
import type { Selection } from "../pipeline/steps/selection.ts";
import { expectFailure, type PlanJson, type RunEvents } from "./command.ts";
import { type Rig, test } from "./rig.ts";
import { answers, answersOf, table } from "./studies.ts";

const file = "experiments/sweep.yaml";

/** Writes a study with replayed answers of different quality: a is the worst, b the best. */
function addSweep(rig: Rig, sweep: string): void {
  rig.write("experiments/data/validation.csv", table("v", 12, 200));
  for (const [name, wrongEvery] of Object.entries({ a: 2, b: 6, c: 3, d: 4 })) {
    rig.write(`experiments/data/${name}.jsonl`, answersOf(wrongEvery));
  }
  rig.write(
    file,
    `${rig
      .read("experiments/study.yaml")
      .replace("name: study", "name: sweep")
      .replace("data/answers.jsonl", "data/a.jsonl")
      .replace("  columns:", "  validation: {file: data/validation.csv}\n  columns:")}${sweep}`,
  );
}

const files = (...names: readonly string[]): string => `[${names.map((name) => `data/${name}.jsonl`).join(", ")}]`;
const selecting = (...names: readonly string[]): string =>
  `sweep:\n  grid: {generate.file: ${files(...names)}}\n  select: {}\n`;

const testEvaluations = (rig: Rig): number =>
  (readdirSync(rig.path("artifacts/ledger"), { recursive: true }) as string[]).filter((name) => name.endsWith(".json"))
    .length;

const manifests = (run: RunEvents): readonly string[] =>
  run.events.flatMap((event) => (event.type === "run-end" && event.manifest !== null ? [event.manifest] : []));

const selectionOf = (run: RunEvents): Selection =>
  JSON.parse(readFileSync(run.manifest.replace("manifest.json", "selection.json"), "utf8")) as Selection;

describe("sweep.select", () => {
  test("with folds: each training row is answered once, and the answers of all folds are scored together", async ({
    rig,
  }) => {
    addSweep(rig, selecting("a", "b"));
    rig.edit(file, "{file: data/validation.csv}", "{folds: 3, seed: 5}");
    for (const [name, wrongEvery] of Object.entries({ a: 2, b: 5 })) {
      const rows = answers("train-", 48).split("\n").slice(0, -1);
      const truth = table("train-", 48)
        .split("\n")
        .map((line) => /,"([^"]*)",row/.exec(line)?.[1]);
      const own = rows.map((line, at) => {
        const { id } = JSON.parse(line) as { id: string };
        return `${JSON.stringify({ id, text: at % wrongEvery === 0 ? "unknown" : truth[at + 1] })}\n`;
      });
      rig.append(`experiments/data/${name}.jsonl`, own.join(""));
    }
    const run = await rig.build(file);
    const { n, winner, settings, repeated, corrected } = selectionOf(run);
    expect(corrected?.value).toBeGreaterThan(0);
    expect([n, winner, repeated]).toEqual([48, "generate.file=data/b.jsonl", ["data.validation.fold"]]);
    expect(settings.map(({ runs, sd }) => [runs.length, sd])).toEqual([
      [3, null],
      [3, null],
    ]);
    const all = manifests(run).map((path) => rig.manifest(path));
    const scored = all.map(({ config }) => (config as { evaluate: { split: string } }).evaluate.split);
    expect(scored.filter((on) => on === "test")).toHaveLength(3);
    // The score equals that of `exp score` for the answers of all three folds in one file.
    const b = all.filter(({ coordinates }) => coordinates.includes("data/b.jsonl")).slice(0, 3);
    const lines = b.flatMap((one) => {
      const path = `artifacts/runs/sweep/${one.run}/zero_shot/predictions.jsonl`;
      return rig.read(path).trimEnd().split("\n");
    });
    const pooled = lines.map((line) => {
      const { id, gold, labels } = JSON.parse(line) as Record<string, unknown>;
      return `${JSON.stringify({ id, gold, pred: labels })}\n`;
    });
    expect(new Set(lines.map((line) => (JSON.parse(line) as { id: string }).id)).size).toBe(48);
    rig.write("pooled.jsonl", pooled.join(""));
    const { views } = JSON.parse(await rig.output("score", "pooled.jsonl", "--json")) as {
      views: { canonical: { micro_f1: number } };
    };
    expect(settings[1]?.value).toBeCloseTo(views.canonical.micro_f1, 9);
  });

  test("chooses on validation rows and scores the winner alone on test, once", async ({ rig }) => {
    addSweep(rig, selecting("a", "b", "c"));
    const before = await rig.json<PlanJson>("plan", file);
    expect(before.runs).toBe(3);
    expect(before.steps.at(-1)).toMatchObject({ id: "winner", status: "depends" });
    expect(before.steps.at(-1)?.reason).toContain("1 of 3");

    const run = await rig.build(file);
    const all = manifests(run).map((path) => rig.manifest(path));
    expect(all.map(({ config }) => (config as { evaluate: { split: string } }).evaluate.split)).toEqual([
      ...["validation", "validation", "validation", "test"],
    ]);
    const winner = all.at(-1);
    expect(winner?.coordinates).toBe("generate.file=data/b.jsonl");
    expect(winner?.steps.select?.files["selection.json"]).toBeDefined();
    expect(testEvaluations(rig)).toBe(1);
    const selection = selectionOf(run);
    expect(selection.winner).toBe("generate.file=data/b.jsonl");
    expect(selection.n).toBe(12);
    expect(selection.settings.map(({ setting, value }) => [setting, value])).toEqual(
      all.slice(0, 3).map(({ coordinates, arms }) => [coordinates, arms.zero_shot?.canonical.micro_f1]),
    );
    expect(selection.why).toContain("generate.file=data/c.jsonl");
    // The winner is far better than the others: the correction for the selection is small, and printed.
    const corrected = selection.corrected?.value as number;
    expect(Math.abs(corrected - (selection.settings[1]?.value as number))).toBeLessThan(0.1);
    expect(selection.why).toContain(`${corrected.toFixed(3)} after correction for the selection`);
    expect(await rig.output("show", "sweep")).toContain(selection.why);

    // A report that is missing, because it could not be written before, is written by the next run.
    const report = `artifacts/reports/sweep-${winner?.run}/report.pdf`;
    expect(existsSync(rig.path(report))).toBe(true);
    rmSync(rig.path(report));
    expect(await rig.output("run", file)).toContain(report);
    expect(existsSync(rig.path(report))).toBe(true);
    expect(await rig.output("run", file)).not.toContain(report);
    const again = await rig.build(file);
    expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
    expect(again.manifest).toBe(run.manifest);
    expect(testEvaluations(rig)).toBe(1);
    const after = await rig.json<PlanJson>("plan", file);
    expect([after.runs, new Set(after.steps.map(({ status }) => status))]).toEqual([4, new Set(["cached"])]);
    expect(JSON.parse(await rig.output("show", "sweep", "--json")).run).toBe(winner?.run);
  });

  test("writes the report of the winner in the formats of the experiment", async ({ rig }) => {
    addSweep(rig, `${selecting("a", "b")}report: {pdf: false}\n`);
    const run = await rig.build(file);
    const folder = `artifacts/reports/sweep-${run.manifest.split("/").at(-2)}`;
    expect(readdirSync(rig.path(folder))).toEqual(["report.html"]);
    expect(await rig.output("run", file)).not.toContain(folder);
  });

  test("by a metric without a value on the validation rows is an error with the reason", async ({ rig }) => {
    addSweep(rig, selecting("a", "b").replace("select: {}", "select: {metric: macro_f1_min5}"));
    expectFailure(await rig.exp("run", file), 1, "no-value", /macro_f1_min5/, /at least 5 gold cases/);
  });

  test("averages over seeds; all seeds of the winning setting are scored on test", async ({ rig }) => {
    // Both settings have the same seeds, but for the best one, which the first lacks.
    addSweep(
      rig,
      `sweep:\n  grid: {evaluate.bootstrap.seed: [1, 2]}\n  repeat: {generate.file: ${files("a", "d", "b")}}\n  exclude: [{evaluate.bootstrap.seed: 1, generate.file: data/b.jsonl}]\n  select: {metric: samples_f1, view: basic}\n`,
    );
    const run = await rig.build(file);
    const { settings, winner, repeated } = selectionOf(run);
    expect(repeated).toEqual(["generate.file"]);
    const means = settings.map(({ runs }) => runs.reduce((sum, { value }) => sum + (value as number), 0) / runs.length);
    for (const [at, { value, low, high, sd }] of settings.entries()) {
      expect(value).toBeCloseTo(means[at] as number, 10);
      expect((low as number) < value && value < (high as number) && (sd as number) > 0).toBe(true);
    }
    expect(settings.map(({ runs }) => runs.length)).toEqual([2, 3]);
    expect(winner).toBe("evaluate.bootstrap.seed=2");
    const finals = manifests(run).filter((path) => "select" in rig.manifest(path).steps);
    expect(finals).toHaveLength(3);
  });

  test("shows a table of all settings in the terminal, the workbook, the report and exp show", async ({ rig }) => {
    addSweep(
      rig,
      `sweep:\n  grid: {generate.file: ${files("a", "b")}, evaluate.bootstrap.resamples: [200, 300]}\n  select: {}\n`,
    );
    const output = await rig.output("run", file);
    const rows = output.split("\n").filter((line) => /^data\/[ab]\.jsonl +[23]00 /.test(line));
    expect(rows).toHaveLength(4);
    // Each setting has a score with an interval; the winner has a second one on test rows.
    expect(rows.map((row) => row.match(/\[/g)?.length)).toEqual([1, 1, 2, 1]);
    expect(output).toMatch(/^artifacts\/reports\/.*report\.pdf$/m);
    const shown = await rig.output("show", "sweep");
    expect(shown.split("\n").filter((line) => /^data\/[ab]\.jsonl +[23]00 /.test(line))).toHaveLength(4);
    const page = readFileSync(rig.path((/^artifacts.*report\.html$/m.exec(output) as RegExpExecArray)[0]), "utf8");
    expect(page.match(/data\/[ab]\.jsonl/g)?.length).toBeGreaterThanOrEqual(4);
    const book = new excel.Workbook();
    await book.xlsx.readFile(rig.path("artifacts/runs/sweep/latest/workbook.xlsx"));
    const sheet = book.getWorksheet("Sweep");
    // The first row is the notice that the answers were replayed.
    expect([sheet?.rowCount, sheet?.getCell("A2").value, sheet?.getCell("B3").value]).toEqual([
      ...[6, "generate.file", 200],
    ]);
    // A cached sweep writes no new report.
    expect(await rig.output("run", file)).not.toContain("report.pdf");
  });

  test("needs validation rows", async ({ rig }) => {
    addSweep(rig, selecting("a", "b"));
    rig.edit(file, "  validation: {file: data/validation.csv}\n", "");
    expectFailure(await rig.exp("run", file), 2, "needs-validation");
  });

  test("chooses no winner if a run fails", async ({ rig }) => {
    addSweep(rig, selecting("a", "b", "c"));
    rig.write("experiments/data/c.jsonl", answers("test-", 9, 100));
    const run = await rig.run(file, "--keep-going");
    expect(run.code).toBe(1);
    expect(run.steps.select).toBe("skipped");
    expect(manifests(run)).toHaveLength(2);
  });

  test("exp why and exp reproduce accept its runs and its winner", async ({ rig }) => {
    addSweep(rig, selecting("a", "b"));
    const run = await rig.build(file);
    for (const path of manifests(run)) {
      const { run: name } = rig.manifest(path);
      expect(await rig.json("why", name, "evaluate.zero_shot")).toMatchObject({
        status: "cached",
      });
      expect(await rig.json("reproduce", name)).toMatchObject({ reproduced: true });
    }
  });
});

test("--sweep varies keys on the command line: an additional value runs the new run only", async ({ rig }) => {
  addSweep(rig, "");
  const sweep = (...names: readonly string[]): string =>
    `generate.file=${names.map((name) => `data/${name}.jsonl`).join(",")}`;
  const before = await rig.build(file, "--sweep", sweep("a", "b"));
  expect(manifests(before).map((path) => rig.manifest(path).coordinates)).toEqual([
    "generate.file=data/a.jsonl",
    "generate.file=data/b.jsonl",
  ]);
  const after = await rig.build(file, "--sweep", sweep("a", "b", "c"));
  const built = Object.entries(after.steps).flatMap(([step, how]) =>
    how === "built" ? [step.replace(/@.*/, "")] : [],
  );
  expect(built.sort()).toEqual(["analyse", "evaluate.zero_shot", "generate.zero_shot", "workbook"]);
  const { run } = rig.manifest(manifests(after)[2] as string);
  expect(await rig.json("why", run, "analyse")).toMatchObject({ status: "cached" });
  const table = (await rig.output("show", "sweep"))
    .split("\n")
    .filter((line) => /^data\/[abc]\.jsonl +0\.\d+ \[/.test(line));
  expect(table).toHaveLength(3);
  const { stdout: reported } = await rig.exp("report", "sweep", "--html");
  const page = readFileSync(rig.path((/\S+\.html/.exec(reported) as RegExpExecArray)[0]), "utf8");
  for (const name of ["a", "b", "c"]) expect(page).toContain(`data/${name}.jsonl`);
  // The workbook of a run contains that run only: the study package has one for the sweep.
  expect((await rig.exp("export", "out", ...manifests(after))).code).toBe(0);
  const book = new excel.Workbook();
  await book.xlsx.readFile(rig.path("out/sweep.xlsx"));
  const sheet = book.getWorksheet("Sweep") as excel.Worksheet;
  const cells = sheet.getColumn(1).values.filter((value) => typeof value === "string");
  expect(cells.filter((value) => /^data\/[abc]\.jsonl$/.test(value as string))).toHaveLength(3);
  const exported = readFileSync(rig.path("out/report.html"), "utf8");
  for (const name of ["a", "b", "c"]) expect(exported).toContain(`data/${name}.jsonl`);
  expect(await rig.output("check", file, "--sweep", sweep("a", "b"))).toMatch(/\b2 runs\b/);
  expectFailure(await rig.exp("plan", file, "--sweep", "generate.fil=a"), 2, "unknown-key", /help: .*"generate\.file"/);
});
