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
import { hasLibreOffice, sheetsAsCsv } from "../../../testing/libreoffice.ts";
import type { WorkbookCase } from "./case-sheet.ts";
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
    inputs.map((input, index): WorkbookCase => {
      const outcome = compareParts(gold, labels);
      const text = labels.join(", ");
      return {
        id: `case-${index}`,
        arm,
        input,
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
    cases,
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
    expect(book.worksheets.map(({ name }) => name)).toEqual(["Summary", "Cases", "Labels", "Provenance"]);
    for (const sheet of book.worksheets) {
      expect(sheet.views[0]).toMatchObject({ state: "frozen", ySplit: 1 });
      expect(sheet.autoFilter).toBeTruthy();
    }
    const [summary, cases] = book.worksheets as [excel.Worksheet, excel.Worksheet];
    expect((summary.getRow(2).values as unknown[]).slice(1, 5)).toEqual(["micro_f1", "canonical", 2 / 3, 1]);
    expect(cases.rowCount).toBe(1 + 2 * difficultTexts.length);
    expect([cases.getCell("I2").value, cases.getCell("J2").value, cases.getCell("G2").value]).toEqual([
      "Renal cyst",
      null,
      "no",
    ]);
  });

  it("has an interval column for each arm with intervals", async () => {
    const path = join(folder, "intervals.xlsx");
    const plain = content(difficultTexts);
    const ends = { micro_f1: { low: 0.25, high: 0.75 } };
    const [first, ...others] = plain.arms as [WorkbookArm, ...WorkbookArm[]];
    const arms = [{ ...first, intervals: { raw: ends, basic: ends, canonical: ends } }, ...others];
    await writeWorkbook(path, { ...plain, arms });
    const summary = (await read(path)).getWorksheet("Summary") as excel.Worksheet;
    const at = 3 + arms.length;
    expect(summary.getRow(1).getCell(at).value).toContain(first.name);
    expect(summary.getRow(2).getCell(at).value).toBe("0.250 to 0.750");
    expect(summary.getRow(4).getCell(at).value).toBeNull();
  });

  it("keeps text as text", async () => {
    const path = join(folder, "text.xlsx");
    await writeWorkbook(path, content(difficultTexts));
    const table = await readTable({ path, bytes: readFileSync(path), sheet: "Cases" });
    if (!table.ok) throw new Error(table.diagnostics[0]?.message);
    const input = table.value.columns.indexOf("Input");
    expect(table.value.rows.slice(0, difficultTexts.length).map((row) => row[input])).toEqual(difficultTexts);
    const sheet = (await read(path)).getWorksheet("Cases");
    expect(sheet?.getCell("C2").type).toBe(excel.ValueType.String);
  });

  it("escapes texts that look like an Excel escape sequence", async () => {
    const path = join(folder, "escape.xlsx");
    expect(await writeWorkbook(path, content(["a _x0041_ b"]))).toEqual({ truncated: 0, replaced: 0 });
    expect((await read(path)).getWorksheet("Cases")?.getCell("C2").value).toBe("a _x005F_x0041_ b");
  });

  it("changes texts that Excel cannot contain, and counts the changes", async () => {
    const path = join(folder, "changed.xlsx");
    const long = `${"x".repeat(32_706)}🙂${"y".repeat(1000)}`;
    expect(await writeWorkbook(path, content(["a\u0000b\u001b[31m\ud800c", long]))).toEqual({
      truncated: 2,
      replaced: 2,
    });
    const sheet = (await read(path)).getWorksheet("Cases");
    expect(sheet?.getCell("C2").value).toBe("a\ufffdb\ufffd[31m\ufffdc");
    expect(String(sheet?.getCell("C3").value)).toMatch(/x … \[.*\b1002\b.*\]$/);
    const provenance = (await read(path)).getWorksheet("Provenance");
    expect(provenance?.getRow(4).getCell(2).value).toBe(2);
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
    expect((await read(path)).worksheets).toHaveLength(4);
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
    const cases = book.getWorksheet("Cases");
    expect([cases?.getCell("C2").value, cases?.getCell("C3").value]).toEqual(["Input", difficultTexts[0]]);
  });

  it.skipIf(!hasLibreOffice)("keeps every text in LibreOffice", async () => {
    const path = join(folder, "office.xlsx");
    const texts = [...difficultTexts, "&amp;"];
    await writeWorkbook(path, content(texts));
    const { Cases: csv = "" } = sheetsAsCsv(path, join(folder, "office"));
    const table = await readTable({ path: "cases.csv", bytes: Buffer.from(csv) });
    if (!table.ok) throw new Error(table.diagnostics[0]?.message);
    const input = table.value.columns.indexOf("Input");
    expect(table.value.rows.slice(0, texts.length).map((row) => row[input])).toEqual(texts);
  });
});
