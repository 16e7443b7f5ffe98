import { expect, test } from "vitest";
import { readRows } from "./rows.ts";
import { readTables } from "./tables.ts";

const tablesOf = (files: Readonly<Record<string, string>>) =>
  readTables({ paths: Object.keys(files), read: (path) => Buffer.from(files[path] as string) });

test("files of several formats are one table, and columns may have another order", async () => {
  const files = { "d/a.csv": "id,text\n1,one\n2,two\n", "d/b.jsonl": '{"text":"three","id":3}\n' };
  const result = await tablesOf(files);
  expect(result).toMatchObject({
    ok: true,
    value: {
      columns: ["id", "text"],
      rows: [
        ["1", "one"],
        ["2", "two"],
        ["3", "three"],
      ],
    },
  });
});

test("an error names the file and its own row", async () => {
  const result = await tablesOf({
    "d/a.csv": "id,text,label\n1,x,y\n",
    "d/b.csv": "id,text,label\n2,x,y\n1,x,y\n,x,y\n",
  });
  if (!result.ok) throw new Error("not read");
  const columns = { id: "id", input: "text", target: "label" };
  const rows = readRows(result.value, columns, (cell) => ({ text: String(cell), target: [] }));
  const found = rows.ok ? [] : rows.diagnostics.map(({ code, message, span }) => [code, message, span.source.path]);
  expect(found).toEqual([
    ["duplicate-id", 'row 1 of a.csv and row 2 of b.csv have the same id "1"', "d/b.csv"],
    ["missing-id", "row 3 of b.csv has no id", "d/b.csv"],
  ]);
});

test("files with other columns are an error that names the file and the columns", async () => {
  const result = await tablesOf({ "a.csv": "id,text\n1,x\n", "b.csv": "id,body\n2,x\n", "c.csv": "id,text\n3,x\n" });
  expect(result.ok ? [] : result.diagnostics).toMatchObject([
    {
      code: "other-columns",
      message: 'b.csv has other columns than a.csv: it lacks "text", and has "body" in addition',
      span: { source: { path: "b.csv" } },
    },
  ]);
});

test("the errors of each file are reported", async () => {
  const result = await tablesOf({ "a.csv": "id,text\n1\n", "b.jsonl": "{\n" });
  expect(result.ok ? [] : result.diagnostics.map(({ span }) => span.source.path)).toEqual(["a.csv", "b.jsonl"]);
});
