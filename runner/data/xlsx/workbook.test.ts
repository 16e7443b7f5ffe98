import excel from "exceljs";
import { describe, expect, test } from "vitest";
import { cpuTime } from "../../testing/cpu-time.ts";
import type { DataTable } from "../data-table.ts";
import { readTable } from "../table.ts";
import { sheetOf, textCell, workbookOf, zipOf } from "./zip-rig.ts";

/** Limits of time in tests are those of a busy machine. */
const secondsAllowed = 60;

async function read(bytes: Uint8Array, sheet?: string): Promise<DataTable> {
  const result = await readTable({ path: "a.xlsx", bytes, sheet });
  if (result.ok) return result.value;
  throw new Error(result.diagnostics.map(({ code }) => code).join());
}

const codeOf = (bytes: Uint8Array): Promise<string | undefined> =>
  read(bytes).then(
    () => undefined,
    (error: Error) => error.message,
  );

describe("values that Excel writes", () => {
  test("are read as a person sees them", async () => {
    const book = new excel.Workbook();
    const sheet = book.addWorksheet("one");
    sheet.addRow(["text", "number", "yes", "day", "time", "sum", "rich", "link", "error"]);
    sheet.addRow([
      "a\nb",
      0.1,
      true,
      new Date("2024-02-29"),
      new Date("2024-02-29T12:30:00Z"),
      { formula: "1+1", result: 2 },
      { richText: [{ text: "two " }, { font: { bold: true }, text: "parts" }] },
      { text: "shown", hyperlink: "http://host" },
      { error: "#N/A" },
    ]);
    sheet.addRow(["1e-7", 1e-7, false, 45_000, 1e300, { formula: "A1", result: "from A1" }, "", "&<>", "_x000D_"]);
    const { columns, rows } = await read(new Uint8Array(await book.xlsx.writeBuffer()));
    expect(columns).toHaveLength(9);
    expect(rows).toEqual([
      ["a\nb", "0.1", "TRUE", "2024-02-29", "2024-02-29T12:30:00.000Z", "2", "two parts", "shown", "#N/A"],
      ["1e-7", "1e-7", "FALSE", "45000", "1e+300", "from A1", "", "&<>", "\r"],
    ]);
  });

  test("numbers are shown by their format; none is rounded", async () => {
    const book = new excel.Workbook();
    const sheet = book.addWorksheet("one");
    const formats = ["0000", '"ID-"000', "000-000", "0;-0", "0.00", "#,##0", "0%", "0000", "00", "0000"];
    sheet.addRow(formats.map((_, at) => `c${at}`));
    const row = sheet.addRow([7, 42, 123_456, 5, 1.234, 1234, 0.5, 12_345, -7, 1.5]);
    for (const [at, format] of formats.entries()) row.getCell(at + 1).numFmt = format;
    const { rows } = await read(new Uint8Array(await book.xlsx.writeBuffer()));
    expect(rows).toEqual([["0007", "ID-042", "123-456", "5", "1.234", "1234", "50%", "12345", "-07", "1.5"]]);
  });

  test.for([
    ["0.00", 4.5, "4.50"],
    ["0.0", 1, "1.0"],
    ["0.00", 0.1 + 0.2, "0.30"],
    ["General", 0.1 + 0.2, "0.3"],
    ["0.0%", 0.125, "12.5%"],
    ["0%", 0.125, "12.5%"],
    ["# ?/?", 0.5, "1/2"],
    ["# ??/??", -2.25, "-2 1/4"],
    ["# ?/?", 0.3, "0.3"],
    ["h:mm", 0.5, "12:00:00"],
    ["mm:ss", 0.001, "00:01:26.400"],
    ["h:mm AM/PM", 0.75, "18:00:00"],
    ["[h]:mm", 1.5, "36:00:00"],
    ["d/m/yy h:mm", 45_296.5, "2024-01-05T12:00:00.000Z"],
    ["mmm", 45_296, "2024-01-05"],
  ] as const)("%s of %s", async ([format, value, shown]) => {
    const book = new excel.Workbook();
    book.addWorksheet("one").addRows([["a"], [value]]);
    (book.getWorksheet(1) as excel.Worksheet).getCell("A2").numFmt = format;
    expect((await read(new Uint8Array(await book.xlsx.writeBuffer()))).rows).toEqual([[shown]]);
  });

  test("whole numbers of more than 15 digits keep them", async () => {
    const row = `<row r="2"><c r="A2"><v>9223372036854775807</v></c><c r="B2"><v>-12345678901234567890</v></c></row>`;
    const sheet = workbookOf(sheetOf(`<row r="1">${textCell("A1", "id")}${textCell("B1", "other")}</row>${row}`));
    expect((await read(sheet)).rows).toEqual([["9223372036854775807", "-12345678901234567890"]]);
  });

  test("a formula without a stored value is an error that names its cell; an empty text is a value", async () => {
    const sheet = (cell: string): Buffer =>
      workbookOf(sheetOf(`<row r="1">${textCell("A1", "id")}</row><row r="2"><c r="A2"><v>1</v></c>${cell}</row>`));
    for (const cell of ['<c r="AB2"><f>A1</f></c>', '<c r="AB2"><f>A1</f><v></v></c>']) {
      const result = await readTable({ path: "a.xlsx", bytes: sheet(cell) });
      expect(result.ok ? [] : result.diagnostics).toMatchObject([
        { code: "formula-without-value", message: expect.stringContaining("AB2") },
      ]);
    }
    expect((await read(sheet('<c r="AB2" t="str"><f>A1</f><v></v></c>'))).rows).toEqual([["1"]]);
  });

  test("merged cells show the value of their first cell", async () => {
    const book = new excel.Workbook();
    const sheet = book.addWorksheet("one");
    sheet.addRows([
      ["group", "text"],
      ["first", "a"],
      ["", "b"],
      ["second", "c"],
    ]);
    sheet.mergeCells("A2:A3");
    const { rows } = await read(new Uint8Array(await book.xlsx.writeBuffer()));
    expect(rows).toEqual([
      ["first", "a"],
      ["first", "b"],
      ["second", "c"],
    ]);
  });

  test("empty rows are no part of the table, and cells may lack references", async () => {
    const rows = `<row r="3">${textCell("B3", "id")}${textCell("C3", "text")}</row>
      <row r="5">${textCell("B5", "1")}${textCell("C5", "x")}</row>
      <row r="6"><c r="B6" s="4"/></row>
      <row r="1048576">${textCell("XFD1048576", "note")}</row>`;
    const { columns, rows: body, span } = await read(workbookOf(sheetOf(rows)));
    expect(columns).toEqual(["", "id", "text", ""]);
    expect(body).toEqual([
      ["", "1", "x", ""],
      ["", "", "", "note"],
    ]);
    const { source, start } = span(0);
    expect(source.text.slice(0, start).split("\n")).toHaveLength(5);
    const bare = await read(
      workbookOf(sheetOf("<row><c><v>1</v></c><c><v>2</v></c></row><row><c/><c><v>3</v></c></row>")),
    );
    expect([bare.columns, bare.rows]).toEqual([["1", "2"], [["", "3"]]]);
  });

  test("a value without a column name is kept, one column for each column of the sheet", async () => {
    const rows = `<row r="1">${textCell("A1", "id")}${textCell("B1", "text")}${textCell("C1", " ")}</row>
      <row r="2">${textCell("A2", "1")}${textCell("B2", "x")}${textCell("C2", " ")}${textCell("D2", "a note")}</row>
      <row r="3">${textCell("A3", "2")}${textCell("B3", "y")}${textCell("G3", "another")}</row>`;
    const { columns, rows: body } = await read(workbookOf(sheetOf(rows)));
    expect(columns).toEqual(["id", "text", "", ""]);
    expect(body).toEqual([
      ["1", "x", "a note", ""],
      ["2", "y", "", "another"],
    ]);
  });

  test("namespace prefixes, phonetic text and dates since 1904", async () => {
    const book = workbookOf(
      `<x:worksheet xmlns:x="x"><x:sheetData><x:row r="1"><x:c r="A1" t="s"><x:v>0</x:v></x:c></x:row><x:row r="2"><x:c r="A2" s="0"><x:v>0</x:v></x:c></x:row></x:sheetData></x:worksheet>`,
      {
        "xl/sharedStrings.xml": "<sst><si><t>東京</t><rPh><t>トウキョウ</t></rPh></si></sst>",
        "xl/styles.xml": `<styleSheet><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>`,
        "xl/workbook.xml": `<workbook xmlns:r="r"><workbookPr date1904="1"/><sheets><sheet name="Rows" r:id="rId1"/></sheets></workbook>`,
      },
    );
    expect(await read(book)).toMatchObject({ columns: ["東京"], rows: [["1904-01-01"]] });
  });
});

describe("a workbook beyond the limits of time and memory is refused:", () => {
  const row = `<row r="1">${textCell("A1", "id")}${textCell("B1", "text")}</row><row r="2">${textCell("A2", "1")}</row>`;
  const cases: Readonly<Record<string, () => readonly [code: string, book: Buffer]>> = {
    "has one long text": () => [
      "workbook-too-large",
      workbookOf(Buffer.concat([Buffer.from(sheetOf(row).slice(0, -12)), Buffer.alloc(20_000_000, " ")])),
    ],
    "unpacks to too many bytes": () => [
      "workbook-too-large",
      workbookOf(
        Buffer.concat([
          Buffer.from(sheetOf(row).slice(0, -12)),
          Buffer.alloc(510_000_000, `<!--${" ".repeat(9000)}-->`),
        ]),
      ),
    ],
    "has an attribute without an end": () => [
      "workbook-too-large",
      workbookOf(Buffer.concat([Buffer.from('<worksheet a="'), Buffer.alloc(50_000_000, "x")])),
    ],
    "merges every cell": () => [
      "workbook-too-large",
      workbookOf(sheetOf(row, `<mergeCells><mergeCell ref="A2:XFD1048576"/></mergeCells>`)),
    ],
    "merges many ranges": () => [
      "workbook-too-large",
      workbookOf(sheetOf(row, `<mergeCells>${`<mergeCell ref="A1:B1048576"/>`.repeat(20_000)}</mergeCells>`)),
    ],
    "repeats one long text": () => [
      "workbook-too-large",
      workbookOf(sheetOf(`<row>${`<c t="s"><v>0</v></c>`.repeat(5000)}</row>`), {
        "xl/sharedStrings.xml": `<sst><si><t>${"x".repeat(100_000)}</t></si></sst>`,
      }),
    ],
    "has a wide header and many rows": () => [
      "workbook-too-large",
      workbookOf(
        sheetOf(
          `<row>${Array.from({ length: 16_384 }, (_, at) => `<c><v>${at}</v></c>`).join("")}</row>${"<row><c><v>1</v></c></row>".repeat(1000)}`,
        ),
      ),
    ],
    "has a column beyond XFD": () => ["broken-file", workbookOf(sheetOf(`<row r="1">${textCell("XFE1", "x")}</row>`))],
    "has a row beyond the last": () => [
      "broken-file",
      workbookOf(sheetOf(`<row r="1048577">${textCell("A1048577", "x")}</row>`)),
    ],
    "repeats a row": () => ["broken-file", workbookOf(sheetOf(`${row}${row}`))],
    "expands entities": () => [
      "broken-file",
      workbookOf(`<!DOCTYPE x [<!ENTITY a "${"x".repeat(1000)}">]>${sheetOf(`<row>${textCell("A1", "&a;")}</row>`)}`),
    ],
    "is no XML": () => ["broken-file", workbookOf("<worksheet><sheetData>")],
    "has no sheet": () => ["broken-file", zipOf({ "xl/workbook.xml": "<workbook><sheets/></workbook>" })],
    "is another archive": () => ["broken-file", zipOf({ "a.txt": "a" })],
    "is truncated": () => ["broken-file", workbookOf(sheetOf(row)).subarray(0, -30)],
    "is empty": () => ["broken-file", Buffer.alloc(0)],
  };
  test.each(Object.entries(cases))(
    "%s",
    async (_, make) => {
      const [code, book] = make();
      const started = cpuTime();
      expect(await codeOf(book)).toBe(code);
      expect(cpuTime() - started).toBeLessThan(1000 * secondsAllowed);
    },
    60_000,
  );

  test("thousands of validations and formats are read quickly", async () => {
    const validations = `<dataValidations>${`<dataValidation sqref="A1:XFD1048576"/>`.repeat(50_000)}</dataValidations>`;
    const book = workbookOf(sheetOf(row, validations), {
      "xl/styles.xml": `<styleSheet><cellXfs>${`<xf numFmtId="0"/>`.repeat(100_000)}</cellXfs></styleSheet>`,
    });
    expect((await read(book)).rows).toEqual([["1", ""]]);
  });
});

test("20,000 rows with a cell in the last column, and 400,000 honest rows, are read in bounded time and memory", async () => {
  const rowsOf = (count: number, last: boolean): string =>
    sheetOf(
      Array.from(
        { length: count },
        (_, at) =>
          `<row r="${at + 1}"><c r="A${at + 1}"><v>${at}</v></c><c r="B${at + 1}" t="s"><v>0</v></c>${textCell(`C${at + 1}`, `finding ${at}`)}${last ? textCell(`XFD${at + 1}`, "x") : ""}</row>`,
      ).join(""),
    );
  const more = { "xl/sharedStrings.xml": "<sst><si><t>label</t></si></sst>" };
  expect(await codeOf(workbookOf(rowsOf(20_000, true), more))).toBe("workbook-too-large");
  const book = workbookOf(rowsOf(400_000, false), more);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const started = cpuTime();
  const { rows } = await read(book);
  const seconds = (cpuTime() - started) / 1000;
  expect(rows).toHaveLength(399_999);
  expect(seconds).toBeLessThan(20);
  expect(process.memoryUsage().rss - before).toBeLessThan(500e6);
}, 600_000);
