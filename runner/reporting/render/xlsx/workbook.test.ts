import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import excel from "exceljs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type View, viewOf, views } from "../../../data/labels/views.ts";
import { readTable } from "../../../data/table.ts";
import { compareParts } from "../../../evaluation/compare-parts.ts";
import { labelRows } from "../../../evaluation/labels/detail.ts";
import { labelMetrics } from "../../../evaluation/labels/label-metrics.ts";
import { scoreLabels } from "../../../evaluation/labels/score.ts";
import { intern, type LabelCase, tabulate } from "../../../evaluation/labels/table.ts";
import type { Comparison } from "../../../evaluation/statistics/comparison.ts";
import { hasLibreOffice, sheetsAsCsv } from "../../../testing/libreoffice.ts";
import { verdictOf, type WorkbookCaseRow } from "./by-case-sheet.ts";
import { measuredIn, type WorkbookCase } from "./case-sheet.ts";
import type { WorkbookArm } from "./score-sheets.ts";
import { type Workbook, writeWorkbook } from "./workbook.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-workbook-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function armOf(name: string, cases: readonly LabelCase[]): WorkbookArm {
  const interned = intern(cases);
  const labels = (view: View) => labelRows(tabulate(interned, viewOf(view)));
  return {
    name,
    views: scoreLabels(cases),
    labels: { raw: labels("raw"), basic: labels("basic"), canonical: labels("canonical") },
    facts: [{ name: "cases", definition: "Number of cases", value: cases.length }],
  };
}

const difficultTexts = [
  "=1+1",
  "+SUM(A1)",
  "@cmd",
  "-2",
  "https://example.org",
  "007",
  "1e5",
  "TRUE",
  '<b>& "quoted"</b> <5mm',
  "  spaces  ",
  "two\nlines",
  "é 🙂 漢字 عربي",
  "#N/A",
  "'quoted",
];

function content(inputs: readonly string[]): Workbook {
  const answers: Record<string, string[]> = { zero_shot: ["Hernia"], tuned: ["Renal cyst", "Hernia"] };
  const gold = ["Renal cyst", "Hernia"];
  const cases = Object.entries(answers).flatMap(([arm, labels]) =>
    inputs.map((_, index): WorkbookCase => {
      const outcome = compareParts(gold, labels);
      const text = labels.join(", ");
      return {
        id: `case-${index}`,
        arm,
        gold,
        text,
        prediction: labels,
        parsed: true,
        notes: [],
        ...outcome,
        finish: "stop",
        new_tokens: 1234,
      };
    }),
  );
  return {
    arms: Object.entries(answers).map(([name, prediction]) =>
      armOf(
        name,
        inputs.map(() => ({ target: gold, prediction })),
      ),
    ),
    metrics: [...labelMetrics],
    views,
    caseRows: inputs.map(
      (input, index): WorkbookCaseRow => ({
        id: `case-${index}`,
        input,
        gold,
        answers: Object.values(answers).map((labels) => ({
          answer: labels.join("; "),
          verdict: verdictOf({ parsed: true, ...compareParts(gold, labels) }),
        })),
      }),
    ),
    cases,
    measured: measuredIn(cases),
    caseView: "basic",
    primary: { metric: "micro_f1", view: "canonical" },
    provenance: [
      ["exp", "0.1.0"],
      ["rows", inputs.length],
    ],
  };
}

async function read(path: string) {
  const book = new excel.Workbook();
  await book.xlsx.readFile(path);
  return book;
}

describe("a workbook", () => {
  it("has its sheets, each with a frozen header and a filter", async () => {
    const path = join(folder, "sheets.xlsx");
    expect(await writeWorkbook(path, content(difficultTexts))).toEqual({ truncated: 0, replaced: 0 });
    const book = await read(path);
    expect(book.worksheets.map(({ name }) => name)).toEqual([
      "Read me",
      "Summary",
      "By case",
      "Cases",
      "Labels",
      "Provenance",
    ]);
    for (const sheet of book.worksheets) {
      expect(sheet.views[0]).toMatchObject({ state: "frozen", ySplit: 1 });
      expect(sheet.autoFilter).toBeTruthy();
    }
    const [summary, cases] = ["Summary", "Cases"].map((name) => book.getWorksheet(name)) as [
      excel.Worksheet,
      excel.Worksheet,
    ];
    expect((summary.getRow(2).values as unknown[]).slice(1, 5)).toEqual(["micro_f1", "canonical", 2 / 3, 1]);
    expect(cases.rowCount).toBe(1 + 2 * difficultTexts.length);
    expect([cases.getCell("H2").value, cases.getCell("I2").value, cases.getCell("F2").value]).toEqual([
      "Renal cyst",
      null,
      "no",
    ]);
  });

  it("has two columns of numbers for the intervals of each arm that has some", async () => {
    const path = join(folder, "intervals.xlsx");
    const plain = content(difficultTexts);
    const ends = { micro_f1: { low: 0.25, high: 0.75 } };
    const [first, ...others] = plain.arms as [WorkbookArm, ...WorkbookArm[]];
    const arms = [{ ...first, intervals: { raw: ends, basic: ends, canonical: ends } }, ...others];
    await writeWorkbook(path, { ...plain, arms });
    const summary = (await read(path)).getWorksheet("Summary") as excel.Worksheet;
    const at = 3 + arms.length;
    expect(summary.getRow(1).getCell(at).value).toContain(first.name);
    expect([at, at + 1].map((column) => summary.getRow(2).getCell(column).value)).toEqual([0.25, 0.75]);
    expect(summary.getRow(4).getCell(at).value).toBeNull();
  });

  it("has one row per case with the arms side by side, high enough for its text", async () => {
    const path = join(folder, "by-case.xlsx");
    const words = (count: number): string => Array.from({ length: count }, () => "kidney").join(" ");
    await writeWorkbook(path, content(["short", words(100), words(10_000)]));
    const sheet = (await read(path)).getWorksheet("By case") as excel.Worksheet;
    const rows = sheet.getSheetValues().slice(1) as (string | number)[][];
    expect(rows[0]?.slice(1)).toEqual([
      ...["ID", "Text", "Gold", "Correct arms (basic)"],
      ...["zero_shot", "zero_shot: verdict", "tuned", "tuned: verdict"],
    ]);
    expect(rows[1]?.slice(1)).toEqual([
      ...["case-0", "short", "Renal cyst; Hernia", 1, "Hernia", "partly correct"],
      ...["Renal cyst; Hernia", "correct"],
    ]);
    // 699 characters in a column of 90 are 8 lines; Excel allows no more than 409 points.
    expect(sheet.getRow(3).height).toBeGreaterThanOrEqual(8 * 15);
    expect(sheet.getRow(3).height).toBeLessThanOrEqual(10 * 15);
    expect(sheet.getRow(4).height).toBe(409);
  });

  it("shows the primary view first, and the planned tests before other differences", async () => {
    const path = join(folder, "tests.xlsx");
    const plain = content(difficultTexts);
    const difference = { difference: 0.1, low: 0.05, high: 0.15, method: "bca" as const, detectable: 0.04 };
    const p = { p_bootstrap: 0.01, p_randomisation: 0.02, p_student: null };
    const comparison: Comparison = {
      ...{ n: 9, view: "canonical", primary: "micro_f1", bootstrap: { resamples: 10, seed: 1 }, labels: 2, arms: {} },
      pairs: [
        { a: "tuned", b: "nearest", metrics: { exact_match: { ...difference, ...p } }, exact_match: null },
        { a: "tuned", b: "zero_shot", metrics: { micro_f1: { ...difference, ...p } }, exact_match: null },
      ],
      family: {
        ...{ subject: "tuned", metric: "micro_f1", correction: "holm" },
        tests: [{ against: "zero_shot", test: "approximate randomisation", p: 0.02, adjusted: 0.04 }],
      },
    };
    const confusions = [{ arm: "tuned", pairs: [{ omitted: "cyst", added: "mass", count: 3 }] }];
    await writeWorkbook(path, { ...plain, comparison, confusions });
    const book = await read(path);
    const valuesOf = (name: string) => (book.getWorksheet(name)?.getSheetValues() ?? []).slice(2) as unknown[][];
    expect(valuesOf("Significance")[0]?.slice(1, 11)).toEqual([
      ...["tuned", "zero_shot", "micro_f1", "canonical", 0.1, 0.05, 0.15, 0.04, 0.02, "approximate randomisation"],
    ]);
    expect(valuesOf("Significance")).toHaveLength(2);
    expect(valuesOf("Confusions")[0]?.slice(1)).toEqual(["tuned", "cyst", "mass", 3]);
    const described = valuesOf("Read me").flatMap((row) => (row[1] === "sheet" ? [row[2]] : []));
    expect(described).toEqual(book.worksheets.map(({ name }) => name).slice(1));
    for (const [name, column] of [
      ["Summary", 2],
      ["Labels", 2],
    ] as const) {
      const shown = valuesOf(name).flatMap((row) => (row[column] ? [row[column]] : []));
      expect(shown[0], name).toBe("canonical");
      expect(shown.lastIndexOf("canonical"), name).toBeLessThan(shown.indexOf("raw"));
    }
  });

  it("has a confusion matrix with a column for each predicted label", async () => {
    const path = join(folder, "matrix.xlsx");
    const plain = content(difficultTexts);
    const confusion = [
      { gold: "a", predicted: "a", count: 5 },
      { gold: "a", predicted: "b", count: 2 },
      { gold: "b", predicted: "c", count: 1 },
    ];
    await writeWorkbook(path, { ...plain, arms: plain.arms.map((arm) => ({ ...arm, confusion })) });
    const sheet = (await read(path)).getWorksheet("Confusion matrix");
    const rows = (sheet?.getSheetValues() ?? []).slice(1, 4) as unknown[][];
    expect(rows.map((row) => row.slice(1))).toEqual([
      ["Arm", "Gold", "Cases", "Predicted: a", "Predicted: b", "Predicted: c"],
      ["zero_shot", "a", 7, 5, 2, 0],
      ["zero_shot", "b", 1, 0, 0, 1],
    ]);
  });

  it("keeps text as text", async () => {
    const path = join(folder, "text.xlsx");
    await writeWorkbook(path, content(difficultTexts));
    const table = await readTable({ path, bytes: readFileSync(path), sheet: "By case" });
    if (!table.ok) throw new Error(table.diagnostics[0]?.message);
    const input = table.value.columns.indexOf("Text");
    expect(table.value.rows.slice(0, difficultTexts.length).map((row) => row[input])).toEqual(difficultTexts);
    const sheet = (await read(path)).getWorksheet("By case");
    expect(sheet?.getCell("B2").type).toBe(excel.ValueType.String);
  });

  it("escapes texts that look like an Excel escape sequence", async () => {
    const path = join(folder, "escape.xlsx");
    expect(await writeWorkbook(path, content(["a _x0041_ b"]))).toEqual({ truncated: 0, replaced: 0 });
    expect((await read(path)).getWorksheet("By case")?.getCell("B2").value).toBe("a _x005F_x0041_ b");
  });

  it("changes texts that Excel cannot contain, and counts the changes", async () => {
    const path = join(folder, "changed.xlsx");
    const long = `${"x".repeat(32_706)}🙂${"y".repeat(1000)}`;
    expect(await writeWorkbook(path, content(["a\u0000b\u001b[31m\ud800c", long]))).toEqual({
      truncated: 1,
      replaced: 1,
    });
    const sheet = (await read(path)).getWorksheet("By case");
    expect(sheet?.getCell("B2").value).toBe("a\ufffdb\ufffd[31m\ufffdc");
    expect(String(sheet?.getCell("B3").value)).toMatch(/x … \[.*\b1002\b.*\]$/);
    const provenance = (await read(path)).getWorksheet("Provenance");
    expect(provenance?.getRow(4).getCell(2).value).toBe(1);
  });

  it("has the same bytes for the same input", async () => {
    const [first, second] = [join(folder, "first.xlsx"), join(folder, "second.xlsx")];
    await writeWorkbook(first, content(difficultTexts));
    await setTimeout(2100);
    await writeWorkbook(second, content(difficultTexts));
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
  });

  it("can have no cases", async () => {
    const path = join(folder, "none.xlsx");
    await writeWorkbook(path, { ...content([]), arms: [] });
    expect((await read(path)).worksheets).toHaveLength(6);
  });

  it("has the notice above the header of every sheet", async () => {
    const path = join(folder, "warned.xlsx");
    await writeWorkbook(path, { ...content(difficultTexts), warning: "Answers & more were replayed." });
    const book = await read(path);
    for (const sheet of book.worksheets) {
      expect(sheet.getCell("A1").value).toBe("Answers & more were replayed.");
      expect(sheet.views[0]).toMatchObject({ state: "frozen", ySplit: 2 });
      expect(sheet.autoFilter).toMatch(/^A2:/);
    }
    const cases = book.getWorksheet("By case");
    expect([cases?.getCell("B2").value, cases?.getCell("B3").value]).toEqual(["Text", difficultTexts[0]]);
  });

  it.skipIf(!hasLibreOffice)("keeps every text in LibreOffice", async () => {
    const path = join(folder, "office.xlsx");
    const texts = [...difficultTexts, "&amp;"];
    await writeWorkbook(path, content(texts));
    const { "By case": csv = "" } = sheetsAsCsv(path, join(folder, "office"));
    const table = await readTable({ path: "cases.csv", bytes: Buffer.from(csv) });
    if (!table.ok) throw new Error(table.diagnostics[0]?.message);
    const input = table.value.columns.indexOf("Text");
    expect(table.value.rows.slice(0, texts.length).map((row) => row[input])).toEqual(texts);
  });
});
