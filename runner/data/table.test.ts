import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import excel from "exceljs";
import { describe, expect, it } from "vitest";
import { cpuTime } from "../testing/cpu-time.ts";
import { positionOf } from "../util/code-frame.ts";
import { type Columns, columnsFor, type RecordFormat } from "./columns.ts";
import type { DataTable } from "./data-table.ts";
import { gunzip } from "./gzip.ts";
import { distinct, splitLabels } from "./labels/split.ts";
import { readRows } from "./rows.ts";
import { readTable } from "./table.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const columns = { id: "id", input: "text", target: "label" };
const cells = (cell: string | readonly string[]) =>
  typeof cell === "string"
    ? { text: cell, target: splitLabels(cell, ",") }
    : { text: cell.join(","), target: distinct(cell.map((label) => label.trim())) };

async function table(
  path: string,
  content: string | Uint8Array,
  sheet?: string,
  headerRow?: number,
): Promise<DataTable> {
  const data = typeof content === "string" ? bytes(content) : content;
  const result = await readTable({ path, bytes: data, sheet, headerRow });
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
  const records = `[
    {"id":1,"text":"a <5mm, or so\\nand é","label":"x, y"},
    {"id":"2","label":["z"],"text":"a 2\\" tube"}
  ]`;
  files.push(
    ["json", "a.json", records],
    ["json on one line", "a.json", records.replaceAll("\n", "")],
    ["json lines in a .json file", "a.json", files.at(-1)?.[2] as string],
    ...[...files].flatMap(([name, path, content]): typeof files => [
      [`${name}, gzipped`, `${path}.gz`, gzipSync(content)],
    ]),
    ["json, gzipped", "a.JSON.GZ", gzipSync(records)],
  );
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

const differentKeys = Array.from({ length: 4_000 }, (_, row) => `{"key${row}": 1}\n`).join("");

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
    ["of another type", "a.arrow", "ARROW1", "1:file-type"],
    ["of no type", "owner/name", "x", "1:file-type"],
    ["a zip of a csv", "a.csv.zip", "PK", "1:file-type"],
    ["no parquet", "a.parquet", "PAR1 is not at its end", "1:broken-file"],
    ["no gzip", "a.csv.gz", "id,text\n", "1:broken-file"],
    ["an array that is not closed", "a.json", '[{"id":1},\n{"id":2}\n', "3:broken-row"],
    ["an item of an array", "a.json", '[{"id":1},\n{"id":2,},\n3]', "2:broken-row 3:broken-row"],
    ["text after an array", "a.json", '[{"id":1}]\nx', "2:broken-row"],
    ["an empty array", "a.json", "[]", "1:no-rows"],
    ["one object", "a.json", '{\n"data": []}', "1:broken-file"],
    ["an array of any depth", "a.json", `[{"id":${"[".repeat(100_000)}${"]".repeat(100_000)}}]`, "1:broken-row"],
    ["keys that differ in each row", "a.jsonl", differentKeys, "1:table-too-large"],
    [
      "UTF-8 by its mark alone",
      "a.csv",
      Buffer.from("\xef\xbb\xbfid,text,label\n1,\xe9,x\n", "latin1"),
      "1:byte-order-mark",
    ],
    ["UTF-16 by its mark alone", "a.csv", Buffer.from("\xff\xfeid,text,label\n1,a,x\n", "latin1"), "1:byte-order-mark"],
    ["a sheet of a csv", "a.csv", "id,text,label\n1,a,x\n", "1:sheet"],
    ["a parquet file by its content", "a.csv", "PAR1\0\0PAR1", "1:broken-file"],
    ["a workbook by its content", "a.jsonl", "PK\x03\x04 zip", "1:broken-file"],
    ["a gzip file by its content", "a.tsv", gzipSync("id\ttext\n"), "1:broken-file"],
    ["no workbook", "a.xlsx", "id,text\n", "1:broken-file"],
  ];
  for (const [name, path, content, problem] of cases)
    it(name, async () =>
      expect(
        await rows(path, content, name === "a sheet of a csv" ? "s" : undefined).catch((error: Error) => error.message),
      ).toBe(problem),
    );
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

it("Windows-1252 is read with its characters from 0x80 to 0x9f", async () => {
  const file = Buffer.from("id,text,label\n1,\x805 \x93x\x94 \x96 \x8cuvre \xe9,x\n", "latin1");
  expect(await rows("a.csv", file)).toEqual([["1", "€5 “x” – Œuvre é", "x"]]);
});

it("numbers of JSON keep their spelling", async () => {
  const line = '{"id": 1234567890123456789, "text": [1.0, 1e5, -0.10], "label": {"a": 9007199254740993}}';
  const { rows } = await table("a.jsonl", line);
  expect(rows).toEqual([["1234567890123456789", ["1.0", "1e5", "-0.10"], '{"a":9007199254740993}']]);
});

it("a doubled header in a sheet names the row and offers header_row, which then selects the row", async () => {
  const book = await workbook({
    train: [["Cases of 2024", "Cases of 2024", "Cases of 2024"], [], ["id", "text", "label"], ["1", "a", "x"]],
  });
  const result = await readTable({ path: "a.xlsx", bytes: book });
  expect(result.ok ? "" : result.diagnostics.map(({ message, help }) => `${message}: ${help}`).join()).toMatch(
    /"Cases of 2024" in row 1: .*header_row: 2$/,
  );
  expect((await table("a.xlsx", book, undefined, 3)).rows).toEqual([["1", "a", "x"]]);
  expect(await table("a.xlsx", book, undefined, 2).catch((error: Error) => error.message)).toBe("1:header-row");
});

it("a gzip bomb is refused before it is unpacked", () => {
  const bomb = gzipSync(Buffer.alloc(1000));
  expect(gunzip(bomb, 1000)).toHaveLength(1000);
  expect(() => gunzip(bomb, 999)).toThrow("more than");
});

describe("a table beyond the limits is refused:", () => {
  const tables: readonly (readonly [what: string, path: string, text: string])[] = [
    ["columns", "a.csv", `${Array.from({ length: 20_000 }, (_, at) => `c${at}`).join(",")}\n${",".repeat(19_999)}\n`],
    ["keys", "a.jsonl", JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`c${at}`, 1])))],
    ["a cell", "a.csv", `a,b\n1,${"x".repeat(9e6)}\n`],
    ["a cell of JSON", "a.json", JSON.stringify([{ a: "x".repeat(9e6) }])],
    ["a row", "a.csv", `a,b\n${"x".repeat(33e6)}\n`],
    ["cells", "a.csv", `a,b\n${",".repeat(10_000_001)}\n`],
  ];
  for (const [what, path, text] of tables)
    it(what, async () => {
      expect(await table(path, text).catch((error: Error) => error.message)).toBe("1:table-too-large");
    });
});

it("the places of many ragged rows are found in a time that is proportional to them", async () => {
  const time = async (rows: number): Promise<number> => {
    const started = cpuTime();
    await expect(table("a.csv", `a,b\n${"ä\n".repeat(rows)}`)).rejects.toThrow("2:ragged-row");
    return cpuTime() - started;
  };
  await time(4_000);
  expect((await time(32_000)) / (await time(4_000))).toBeLessThan(30);
});

describe("parquet", () => {
  // Written by pyarrow: Snappy, zstd and gzip; text, int64, a list of texts, a structure, a date, and a missing value.
  for (const name of ["snappy", "zstd", "gzip"])
    it(`is read with ${name}`, async () => {
      const file = readFileSync(new URL(`fixtures/${name}.parquet`, import.meta.url));
      const { columns, rows } = await table("a.parquet", file);
      expect(await table("a.parquet.gz", gzipSync(file))).toMatchObject({ columns, rows });
      expect(columns).toEqual(["id", "text", "labels", "output", "day"]);
      expect(rows).toEqual([
        ["1234567890123456789", "a\nb é", ["x", "y"], '{"label":"x"}', "2024-05-01"],
        ["2", "", [], '{"label":"y"}', "2024-05-02"],
      ]);
    });
  // uint64, float32, float16, NaN, times, nanoseconds, decimals of 30 and 9 digits, and both within a structure.
  it("keeps the digits of each type", async () => {
    const file = readFileSync(new URL("fixtures/types.parquet", import.meta.url));
    const { columns, rows } = await table("a.parquet", file);
    expect(Object.fromEntries(columns.map((name, at) => [name, rows.map((row) => row[at])]))).toEqual({
      u64: ["18446744073709551615", "2", "1"],
      f32: ["0.1", "1", "16777216"],
      f16: ["0.1", "1", "-2.5"],
      missing: ["", "1.5", ""],
      time: ["12:30:00", "00:00:01.000500", ""],
      nanos: ["1970-01-01T00:00:00.000000001Z", "1970-01-01", "1969-12-31T23:59:59.999999999Z"],
      wide: ["1.50", "-12345678901234567890.25", ""],
      narrow: ["1.50", "-0.05", ""],
      object: Array(3).fill('{"n":1152921504606846977,"d":[1.0]}'),
    });
  });
  it("with a claim of too many rows is refused", async () => {
    const file = readFileSync(new URL("fixtures/claims.parquet", import.meta.url));
    expect(await table("a.parquet", file).catch((error: Error) => error.message)).toBe("1:table-too-large");
    // 1,000 rows that share one text of a megabyte.
    const shared =
      "UEFSMRUEFYiJehVsTBUCFQASAAAotS/9gEhEQg8AbAAAKEBCDwB5AQD4/znQAgIAEHkCABB5AgAQeQIAEHkCABB5AgAQeSMSCnkVABUWFSgsFdAPFRAVBhUGHAAAACi1L/0gC1kAAAMAAADQDwEB0A8AFQQZLDUAGAZzY2hlbWEVAgAVDCUCGAR0ZXh0JQBMHAAAABbQDxkcGRwmABwVDBk1AAYQGRgEdGV4dBUMFtAPFuaJehbcASaUASYIKSwVBBUAFQIAFQAVEBUCADwWgKjWuQcZBhkmANAPAAAAFuaJehbQDyYIFtwBACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZHBwAAAChAAAAUEFSMQ==";
    const found = await table("a.parquet", Buffer.from(shared, "base64")).catch((error: Error) => error.message);
    expect(found).toBe("1:table-too-large");
  });
  it.each([
    [
      "300 million",
      "UEFSMRUAFQgVCCwVAhUAFQYVBgAAAAAAABUCGSxIBHJvb3QVAgAVAiUAGAF4JQoVgIyNngIVEgAWAhkcGRwmCBwVAhkVABkYAXgVABYCFioWKiYIAAAWCBYCAABDAAAAUEFSMQ==",
    ],
    [
      "-2",
      "UEFSMRUAFQgVCCwVAhUAFQYVBgAAAAAAABUCGSxIBHJvb3QVAgAVAiUAGAF4JQoVAxUSABYCGRwZHCYIHBUCGRUAGRgBeBUAFgIWKhYqJggAABYIFgIAAD8AAABQQVIx",
    ],
  ])("with decimals of %s digits after the point is broken", async (_scale, file) => {
    const found = await table("a.parquet", Buffer.from(file, "base64")).catch((error: Error) => error.message);
    expect(found).toBe("1:broken-file");
  });

  it("with a damaged byte, for which the library's gunzip does not end, is broken", async () => {
    const file = readFileSync(new URL("fixtures/gzip.parquet", import.meta.url));
    file[461] = 0x55;
    expect(await table("a.parquet", file).catch((error: Error) => error.message)).toBe("1:broken-file");
  });
  // A run of 2^31 levels for 70 values ended Node.js.
  it("with a page that takes all memory is refused", async () => {
    const file =
      "UEFSMRUAFcoFFcoFLBWMARUAFQYVBhwAAAADAAAA/v///w8BAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEBAAAAYQEAAABhAQAAAGEVBBksNQAYBnNjaGVtYRUCABUMJQIYAXglAEwcAAAAFowBGRwZHCYAHBUMGSUGABkYAXgVABaMARb2BRb2BSYISRwVABUAFQIAPBaMARkGGSYAjAEAAAAW9gUWjAEmCBb2BQAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjYuMC4xGRwcAAAAiwAAAFBBUjE=";
    const found = await table("a.parquet", Buffer.from(file, "base64")).catch((error: Error) => error.message);
    expect(found).toBe("1:table-too-large");
  });

  it("with a damaged column, and one that the schema does not have, is refused without a rejection left behind", async () => {
    const file = readFileSync(new URL("fixtures/snappy.parquet", import.meta.url));
    file[4] = 0xff;
    file.write("texx", file.indexOf("text", 600));
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on("unhandledRejection", note);
    expect(await table("a.parquet", file).catch((error: Error) => error.message)).toBe("1:broken-file");
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(rejections).toEqual([]);
  });
});

describe("rows of other forms", () => {
  const read = async (content: string, columns: Columns, format?: RecordFormat) => {
    const result = readRows(await table("a.jsonl", content), columns, cells, { format });
    return result.ok
      ? result.value.map(({ input, fields, turns, gold }) => ({ input, fields, turns, gold }))
      : result.diagnostics.map(({ code, message }) => `${code}: ${message}`);
  };
  const none = { fields: undefined, turns: undefined };

  it("a column names a key in JSON", async () => {
    const nested = '{"in": {"text": "a"}, "output": {"labels": ["x", "y"]}}\n{"in": {"text": "b"}, "output": {}}\n';
    expect(await read(nested, { input: "in.text", target: "output.labels" })).toEqual([
      { ...none, input: "a", gold: ["x", "y"] },
      { ...none, input: "b", gold: [] },
    ]);
    expect(await read(nested, { input: "in.text", target: "output.label" })).toEqual([
      'missing-column: no cell of the column "output" has "label" (data.columns.target)',
    ]);
    const dotted = '{"in.text": "a", "output": [["x"]]}';
    expect(await read(dotted, { input: "in.text", target: "output.0" })).toEqual([
      { ...none, input: "a", gold: ["x"] },
    ]);
  });

  it("several input columns are fields of a row", async () => {
    const content = '{"headline": "T", "text": "", "label": "x"}\n{"headline": "U", "text": "V", "label": "y"}';
    const columns = { inputs: { title: "headline", body: "text" }, target: "label" };
    expect((await read(content, columns)).map((row) => ({ ...(row as object), gold: undefined }))).toEqual([
      { input: "T", fields: { title: "T", body: "" }, turns: undefined, gold: undefined },
      { input: "U\n\nV", fields: { title: "U", body: "V" }, turns: undefined, gold: undefined },
    ]);
  });

  it("alpaca records have an instruction, and earlier turns", async () => {
    const content = [
      '{"instruction": "Name it.", "input": "a fern", "output": "x"}',
      '{"instruction": "And now?", "input": "", "output": "y", "system": "Be brief.", "history": [["Q", "A"]]}',
    ].join("\n");
    const turns = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Q" },
      { role: "assistant", content: "A" },
    ];
    expect(await read(content, columnsFor("alpaca", {}), "alpaca")).toEqual([
      { ...none, input: "Name it.\n\na fern", gold: ["x"] },
      { input: "Be brief.\n\nQ\n\nA\n\nAnd now?", fields: { input: "And now?" }, turns, gold: ["y"] },
    ]);
    const broken = '{"instruction": "a", "input": "", "output": "y", "history": [["Q"]]}';
    expect(await read(broken, columnsFor("alpaca", {}), "alpaca")).toEqual([
      "broken-record: row 1: item 1 of the history is no pair of texts",
    ]);
  });

  it.each([
    ["messages", { role: "role", content: "content", user: "user", assistant: "assistant" }],
    ["conversations", { role: "from", content: "value", user: "human", assistant: "gpt" }],
  ])("the last message of %s is the target", async (column, { role, content, user, assistant }) => {
    const message = (who: string, text: unknown) => ({ [role]: who, [content]: text });
    const line = (...messages: unknown[]) => `${JSON.stringify({ [column]: messages })}\n`;
    const file =
      line(message(user, "a"), message(assistant, "x")) +
      line(message(user, "Q"), message(assistant, "A"), message(user, "b"), message(assistant, "y"));
    const columns = columnsFor("chat", {});
    const turns = [
      { role: "user", content: "Q" },
      { role: "assistant", content: "A" },
    ];
    expect(await read(file, columns, "chat")).toEqual([
      { ...none, input: "a", gold: ["x"] },
      { input: "Q\n\nA\n\nb", fields: { input: "b" }, turns, gold: ["y"] },
    ]);
    // Rows without targets may end with the user's message.
    expect(await read(line(message(user, "a")), { ...columns, target: undefined }, "chat")).toEqual([
      { ...none, input: "a", gold: [] },
    ]);
    const wrong = [
      line(message(user, "a")),
      line(message("tool", "a"), message(assistant, "x")),
      line(message(assistant, "a"), message(assistant, "x")),
      line(message(user, null), message(assistant, "x")),
      line(message(user, [{ type: "image" }]), message(assistant, "x")),
    ].join("");
    expect(await read(wrong, columns, "chat")).toEqual([
      "broken-record: row 1: the last message is not the assistant's",
      "broken-record: row 2: message 1 has the role tool, which no prompt has",
      "broken-record: row 3: the message before the last one is not the user's",
      "broken-record: row 4: message 1 has a content that is no text",
      "broken-record: row 5: message 1 has a content that is no text",
    ]);
  });
});
