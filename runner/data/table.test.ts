import excel from "exceljs";
import { describe, expect, it } from "vitest";
import { positionOf } from "../util/code-frame.ts";
import type { DataTable } from "./data-table.ts";
import { distinct, splitLabels } from "./labels/split.ts";
import { readRows } from "./rows.ts";
import { readTable } from "./table.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const columns = { id: "id", input: "text", target: "label" };
const cells = (cell: string | readonly string[]) =>
  typeof cell === "string"
    ? { text: cell, target: splitLabels(cell, ",") }
    : { text: cell.join(","), target: distinct(cell.map((label) => label.trim())) };

async function table(path: string, content: string | Uint8Array, sheet?: string): Promise<DataTable> {
  const result = await readTable({ path, bytes: typeof content === "string" ? bytes(content) : content, sheet });
  if (!result.ok)
    throw new Error(result.diagnostics.map((one) => `${positionOf(one.span).line}:${one.code}`).join(" "));
  return result.value;
}
async function rows(path: string, content: string | Uint8Array, sheet?: string) {
  const result = readRows(await table(path, content, sheet), columns, cells);
  if (!result.ok)
    throw new Error(result.diagnostics.map((one) => `${positionOf(one.span).line}:${one.code}`).join(" "));
  return result.value.map(({ id, input, gold }) => [id, input, ...gold]);
}
async function workbook(sheets: Record<string, unknown[][]>): Promise<Uint8Array> {
  const book = new excel.Workbook();
  for (const [name, content] of Object.entries(sheets)) book.addWorksheet(name).addRows(content);
  return new Uint8Array(await book.xlsx.writeBuffer());
}

const expected = [
  ["1", "a <5mm, or so\nand é", "x", "y"],
  ["2", 'a 2" tube', "z"],
];

describe("the same rows from", () => {
  const csv = 'id,text,label\n1,"a <5mm, or so\nand é","x, y"\n2,"a 2"" tube",z\n';
  const utf16 = (text: string, big: boolean) => {
    const buffer = Buffer.from(`\ufeff${text}`, "utf16le");
    return new Uint8Array(big ? buffer.swap16() : buffer);
  };
  const files: [string, string, string | Uint8Array][] = [
    ["csv", "a.csv", csv],
    ["csv with a byte-order mark", "a.csv", `\ufeff${csv}`],
    [
      "csv with blank lines and another order",
      "a.csv",
      '\n\nlabel,id,more,text\n"x, y",1,,"a <5mm, or so\nand é"\n\nz,2,,"a 2"" tube"',
    ],
    ["csv with semicolons", "a.csv", 'id;text;label\n1;"a <5mm, or so\nand é";x, y\n2;"a 2"" tube";z\n'],
    ["csv with tabs", "a.csv", 'id\ttext\tlabel\n1\t"a <5mm, or so\nand é"\tx, y\n2\t"a 2"" tube"\tz\n'],
    ["tsv", "a.tsv", 'id\ttext\tlabel\n1\t"a <5mm, or so\nand é"\tx, y\n2\t"a 2"" tube"\tz\n'],
    ["utf-16le", "a.csv", utf16(csv, false)],
    ["utf-16be", "a.csv", utf16(csv, true)],
    ["windows-1252", "a.csv", new Uint8Array(Buffer.from(csv, "latin1"))],
    [
      "jsonl",
      "a.jsonl",
      '{"id":1,"text":"a <5mm, or so\\nand é","label":"x, y"}\n\n{"id":"2","label":["z"],"text":"a 2\\" tube"}',
    ],
  ];
  for (const [name, path, content] of files) it(name, async () => expect(await rows(path, content)).toEqual(expected));
  it("csv with Windows line ends", async () =>
    expect(await rows("a.csv", csv.replaceAll("\n", "\r\n"))).toEqual([
      ["1", "a <5mm, or so\r\nand é", "x", "y"],
      expected[1],
    ]));
  it("xlsx", async () => {
    const content = [["id", "text", "label"], [1, "a <5mm, or so\nand é", "x, y"], [], ["2", 'a 2" tube', "z"]];
    const book = await workbook({ notes: [["no"]], train: content });
    expect(await rows("a.xlsx", book, "train")).toEqual(expected);
  });
});

describe("a broken file is an error at its line", () => {
  const cases: [string, string, string | Uint8Array, string][] = [
    ["empty", "a.csv", "", "1:empty-file"],
    ["blank", "a.csv", "\ufeff\n \n", "1:empty-file"],
    ["header alone", "a.csv", "id,text,label\n", "1:no-rows"],
    [
      "ragged rows, all of them",
      "a.csv",
      'id,text,label\n1,"a\nb",x\n2,b\n3,c,y\n4,é,x,y\n',
      "4:ragged-row 6:ragged-row",
    ],
    [
      "a ragged row after CRLF and blank lines",
      "a.csv",
      'id,text,label\r\n1,"a\r\nb",x\r\n\r\n\r\n2,b\r\n',
      "6:ragged-row",
    ],
    ["an open quote", "a.csv", 'id,text,label\n0,é,x\n1,"a,x\n2,b,y\n', "3:broken-row"],
    ["a quote within a cell", "a.csv", 'id,text,label\n1,a 2" tube,x\n', "2:broken-row"],
    ["a column twice", "a.csv", "id,text,text,label\n1,a,b,c\n", "1:duplicate-column"],
    ["no column of that name", "a.csv", "id,texts,label\n1,a,x\n", "1:missing-column"],
    ["no id", "a.csv", "id,text,label\n1,a,x\n ,b,y\n", "3:missing-id"],
    ["an id twice", "a.csv", "id,text,label\n1,a,x\n1,b,y\n", "3:duplicate-id"],
    ["values of any depth", "a.jsonl", `{"id":1}\n{"id":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "2:broken-row"],
    ["no JSON", "a.jsonl", '{"id":1}\nx\n[]', "2:broken-row 3:broken-row"],
    ["of another type", "a.parquet", "PAR1", "1:file-type"],
    ["no workbook", "a.xlsx", "id,text\n", "1:broken-file"],
  ];
  for (const [name, path, content, problem] of cases)
    it(name, async () => expect(await rows(path, content).catch((error: Error) => error.message)).toBe(problem));
  it("with the columns that there are", async () => {
    const result = readRows(await table("a.csv", "id,texts,label\n1,a,x\n"), columns, cells);
    expect(result.ok ? "" : result.diagnostics[0]?.help).toBe('did you mean "texts"?');
  });
  it("in a sheet too", async () => {
    const book = await workbook({ train: [["id", "text", "label"], ["1", "a", "x"], [], ["1", "b", "y"]] });
    expect(await rows("a.xlsx", book).catch((error: Error) => error.message)).toBe("4:duplicate-id");
    expect(await rows("a.xlsx", book, "test").catch((error: Error) => error.message)).toBe("1:sheet");
  });
});

it("without an id column a case is named by its row", async () => {
  const result = readRows(await table("a.csv", "text,label\na,x\nb,y\n"), { input: "text", target: "label" }, cells);
  expect(result.ok && result.value.map(({ id }) => id)).toEqual(["1", "2"]);
});

it("a group is read from its column, and a row without one is an error at its line", async () => {
  const columns = { input: "text", target: "label", group: "patient" };
  const good = readRows(await table("a.csv", "text,label,patient\na,x, p1 \nb,y,p2\n"), columns, cells);
  expect(good.ok && good.value.map(({ group }) => group)).toEqual(["p1", "p2"]);
  const bad = readRows(await table("a.csv", "text,label,patient\na,x,p1\nb,y,\n"), columns, cells);
  expect(!bad.ok && bad.diagnostics.map(({ code, message }) => [code, message])).toEqual([
    ["missing-group", "row 2 has no group (data.columns.group)"],
  ]);
});
