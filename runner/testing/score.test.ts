/** exp score: files of every kind, the same numbers from all of them, and errors instead of wrong numbers. */
import excel from "exceljs";
import { describe, expect } from "vitest";
import { expectFailure, type Rig, test } from "./rig.ts";

const lines = [
  { id: "1", gold: ["Cyst", "Stone"], pred: ["Cyst"] },
  { id: "2", gold: ["Stone"], pred: ["Stone", "Mass"] },
  { id: "3", gold: [], pred: [] },
];
const jsonl = lines.map((line) => `${JSON.stringify(line)}\n`).join("");

async function scored(rig: Rig, ...args: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await rig.done("score", ...args, "--json"));
}

test("CSV, TSV, Excel, other names and a gold file of its own give what JSON Lines give", async ({ rig }) => {
  rig.write("p.jsonl", jsonl);
  const expected = await scored(rig, "p.jsonl");
  rig.write("p.csv", 'id,gold,pred\r\n1,"Cyst, Stone",Cyst\n2,Stone,"Stone, Mass"\r\n3,,\n');
  expect(await scored(rig, "p.csv")).toEqual(expected);
  rig.write("p.tsv", "case\ttruth\tanswer\n1\tCyst; Stone\tCyst\n2\tStone\tStone;Mass\n3\t\t\n");
  const named = ["--id", "case", "--gold", "truth", "--pred", "answer", "--separator", ";"];
  expect(await scored(rig, "p.tsv", ...named)).toEqual(expected);

  const book = new excel.Workbook();
  book
    .addWorksheet("any")
    .addRows([
      ["id", "gold", "pred"],
      ...lines.map(({ id, gold, pred }) => [Number(id), gold.join(", "), pred.join(", ")]),
    ]);
  rig.write("p.xlsx", new Uint8Array(await book.xlsx.writeBuffer()));
  expect(await scored(rig, "p.xlsx")).toEqual(expected);

  rig.write(
    "texts.jsonl",
    lines.map(({ id, pred }) => `${JSON.stringify({ key: id, answer: pred.join("|") })}\n`).join(""),
  );
  rig.write("gold.csv", 'case_id,labels\n3,\n1,"Cyst|Stone"\n2,Stone\n');
  const apart = ["--gold", "gold.csv", "--gold-id", "case_id", "--gold-column", "labels"];
  expect(await scored(rig, "texts.jsonl", ...apart, "--id", "key", "--pred", "answer", "--separator", "|")).toEqual(
    expected,
  );
});

test("--bootstrap adds intervals beside the same numbers; the same seed gives the same", async ({ rig }) => {
  rig.write("p.jsonl", jsonl);
  const { n, views, intervals } = (await scored(rig, "p.jsonl", "--bootstrap", "500")) as Record<string, unknown>;
  expect({ n, views }).toEqual(await scored(rig, "p.jsonl"));
  const range = (intervals as { basic: Record<string, { low: number; high: number; resamples: number }> }).basic
    .micro_f1;
  expect(range).toMatchObject({ resamples: 500, seed: 1 });
  expect((await scored(rig, "p.jsonl", "--bootstrap", "500")).intervals).toEqual(intervals);
  expect((await scored(rig, "p.jsonl", "--bootstrap", "500", "--seed", "2")).intervals).not.toEqual(intervals);
  expect(await rig.done("score", "p.jsonl", "--bootstrap", "500")).toMatch(/^micro_f1 +0\.\d{4} \[0\.\d{4}, /m);
});

test("with --json what is wrong is JSON too", async ({ rig }) => {
  rig.write("p.jsonl", '{"id":1,"pred":[]}\n');
  rig.write("g.csv", "id,gold\n1,a\n2,b\n");
  for (const [gold, code] of [
    ["g.csv", "missing-prediction"],
    ["none.csv", "missing-file"],
  ] as const) {
    const ended = await rig.exp("score", "p.jsonl", "--gold", gold, "--json");
    expect([ended.code, ended.stderr]).toEqual([2, ""]);
    expect(JSON.parse(ended.stdout)).toMatchObject({ code, line: 1, column: 1, severity: "error" });
  }
});

test("an answer of a megabyte is an answer", async ({ rig }) => {
  const long = "x".repeat(2 ** 20);
  rig.write("p.jsonl", `${JSON.stringify({ id: "1", gold: ["a"], pred: ["a", long] })}\n`);
  expect(await scored(rig, "p.jsonl")).toMatchObject({ n: 1, views: { raw: { micro_precision: 0.5 } } });
});

describe("what cannot be scored is said, with its line:", () => {
  const csv = (rows: string): Record<string, string> => ({ "p.csv": `id,gold,pred\n${rows}` });
  const cases: readonly (readonly [string, Record<string, string | Uint8Array>, readonly string[], RegExp])[] = [
    [
      "an id twice",
      csv("1,a,a\n1,b,b\n"),
      ["p.csv"],
      /p\.csv:3:1: error\[duplicate-id\]: id "1" stands in rows 1 and 2/,
    ],
    ["no id", csv(" ,a,a\n"), ["p.csv"], /p\.csv:2:1: error\[missing-id\]/],
    ["NaN in a table", csv("1,a,NaN\n"), ["p.csv"], /p\.csv:2:1: error\[not-a-label\]: "pred" is NaN/],
    ["a ragged row", csv("1,a,b,c\n"), ["p.csv"], /p\.csv:2:1: error\[ragged-row\]/],
    ["a column that is not there", csv("1,a,b\n"), ["p.csv", "--pred", "answer"], /no column "answer"/],
    [
      "NaN in JSON",
      { "p.jsonl": '{"id":1,"gold":[],"pred":NaN}\n' },
      ["p.jsonl"],
      /p\.jsonl:1:1: error\[invalid-json\]: NaN/,
    ],
    ["nested lists", { "p.jsonl": '{"id":1,"gold":[["a"]],"pred":[]}\n' }, ["p.jsonl"], /not-a-label/],
    [
      "Latin-1",
      { "p.jsonl": Buffer.from('{"id":1,"gold":["é"],"pred":[]}\n', "latin1") },
      ["p.jsonl"],
      /error\[encoding\]/,
    ],
    [
      "cases without a prediction, predictions without gold",
      { "p.jsonl": '{"id":1,"pred":[]}\n{"id":9,"pred":[]}\n', "g.csv": "id,gold\n1,a\n2,b\n" },
      ["p.jsonl", "--gold", "g.csv"],
      /^p\.jsonl:1:1: error\[missing-prediction\]: 1 of 2 cases of g\.csv .*: "2"$[\s\S]*^p\.jsonl:1:1: error\[missing-gold\]: 1 of 2 .*: "9"$/m,
    ],
    ["too few samples", { "p.jsonl": jsonl }, ["p.jsonl", "--bootstrap", "few"], /--bootstrap .*100.*\[bad-option\]/],
    ["no gold file", { "p.jsonl": jsonl }, ["p.jsonl", "--gold", "g.csv"], /^g\.csv:1:1: error\[missing-file\]/m],
    ["a separator of nothing", { "p.jsonl": jsonl }, ["p.jsonl", "--separator", ""], /--separator takes the text/],
  ];
  for (const [name, files, args, words] of cases) {
    test(name, async ({ rig }) => {
      for (const [path, text] of Object.entries(files)) rig.write(path, text);
      expectFailure(await rig.exp("score", ...args), 2, words);
    });
  }
});
