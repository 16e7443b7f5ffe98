/** exp score: every file format gives the same numbers; invalid input gives errors. */
import excel from "exceljs";
import { describe, expect } from "vitest";
import type { Paired, PairedMetric } from "../evaluation/labels/paired.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const lines = [
  { id: "1", gold: ["Cyst", "Stone"], pred: ["Cyst"] },
  { id: "2", gold: ["Stone"], pred: ["Stone", "Mass"] },
  { id: "3", gold: [], pred: [] },
];
const jsonl = lines.map((line) => `${JSON.stringify(line)}\n`).join("");

async function scored(rig: Rig, ...args: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await rig.output("score", ...args, "--json"));
}

test("CSV, TSV, Excel, other column names and a separate gold file give the numbers of JSON Lines", async ({ rig }) => {
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

test("the lines of a run need no --pred", async ({ rig }) => {
  rig.write("p.jsonl", jsonl);
  rig.write("run.jsonl", jsonl.replaceAll('"pred":', '"labels":'));
  const expected = await scored(rig, "p.jsonl");
  expect(await scored(rig, "run.jsonl")).toEqual(expected);
  // The targets are no predictions.
  const gold = jsonl.replaceAll('"gold":', '"labels":').replaceAll('"pred":', '"other":');
  rig.write("gold.jsonl", gold);
  expectFailure(await rig.exp("score", "gold.jsonl", "--gold", "labels"), 2, "missing-key");
});

test("--task takes a text as one label or one text, and refuses several", async ({ rig }) => {
  rig.write("p.jsonl", `${JSON.stringify({ id: "1", gold: "a, b", pred: "a, b" })}\n`);
  const values = async (task: string) => (await scored(rig, "p.jsonl", "--task", task)).views;
  expect(await values("single_label")).toMatchObject({ raw: { accuracy: 1 } });
  expect(await values("text")).toMatchObject({ raw: { exact_match: 1 } });
  for (const task of ["single_label", "text"]) {
    rig.write("lists.jsonl", `${JSON.stringify({ id: "1", gold: ["a", "b"], pred: ["a"] })}\n`);
    expectFailure(await rig.exp("score", "lists.jsonl", "--task", task), 2, "invalid-predictions");
  }
});

test("--bootstrap adds intervals to the same numbers; the same seed gives the same intervals", async ({ rig }) => {
  rig.write("p.jsonl", jsonl);
  const { intervals, ...others } = (await scored(rig, "p.jsonl", "--bootstrap", "500")) as Record<string, unknown>;
  expect(others).toEqual(await scored(rig, "p.jsonl"));
  const range = (intervals as { basic: Record<string, { low: number; high: number; resamples: number }> }).basic
    .micro_f1;
  expect(range).toMatchObject({ resamples: 500, seed: 1 });
  expect((await scored(rig, "p.jsonl", "--bootstrap", "500")).intervals).toEqual(intervals);
  expect((await scored(rig, "p.jsonl", "--bootstrap", "500", "--seed", "2")).intervals).not.toEqual(intervals);
  expect(await rig.output("score", "p.jsonl", "--bootstrap", "500")).toMatch(/^micro_f1 +0\.\d{4} \[0\.\d{4}, /m);
});

test("--groups and --soft-distance credit answers that are nearly right", async ({ rig }) => {
  rig.write("groups.yaml", "Kidney: [Cyst, Stone]\nLung: [Mass]\n");
  rig.write("p.jsonl", `${JSON.stringify({ id: "1", gold: ["Cyst", "Nodules"], pred: ["Stone", "Nodule"] })}\n`);
  const metrics = async (...args: readonly string[]) =>
    (await rig.json<{ readonly views: { readonly raw: Record<string, number | null> } }>("score", "p.jsonl", ...args))
      .views.raw;
  expect(await metrics()).toMatchObject({ micro_f1: 0, soft_f1: 1 / 2, group_f1: null, hierarchical_f1: null });
  const grouped = await metrics("--groups", "groups.yaml", "--soft-distance", "0.1");
  // Each side has the group Kidney, and a label of its own without a group.
  expect(grouped).toMatchObject({ soft_f1: 0, group_f1: 1 / 2, hierarchical_f1: 1 / 3 });
  rig.write("groups.yaml", "[Kidney]\n");
  expectFailure(await rig.exp("score", "p.jsonl", "--groups", "groups.yaml"), 2, "not-a-map");
});

test("with --json errors are JSON", async ({ rig }) => {
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

test("a label may have a megabyte", async ({ rig }) => {
  const long = "x".repeat(2 ** 20);
  rig.write("p.jsonl", `${JSON.stringify({ id: "1", gold: ["a"], pred: ["a", long] })}\n`);
  expect(await scored(rig, "p.jsonl")).toMatchObject({ n: 1, views: { raw: { micro_precision: 0.5 } } });
});

describe("invalid input is an error with its line:", () => {
  const csv = (rows: string): Record<string, string> => ({ "p.csv": `id,gold,pred\n${rows}` });
  type Files = Record<string, string | Uint8Array>;
  const cases: readonly (readonly [string, Files, args: readonly string[], code: string, ...facts: RegExp[]])[] = [
    ["an id twice", csv("1,a,a\n1,b,b\n"), ["p.csv"], "duplicate-id", /p\.csv:3:1: error.*"1"/, /\b1 and 2\b/],
    ["no id", csv(" ,a,a\n"), ["p.csv"], "missing-id", /p\.csv:2:1: error/],
    ["NaN in a table", csv("1,a,NaN\n"), ["p.csv"], "not-a-label", /p\.csv:2:1: error.*"pred"/],
    ["a ragged row", csv("1,a,b,c\n"), ["p.csv"], "ragged-row", /p\.csv:2:1: error/],
    ["a missing column", csv("1,a,b\n"), ["p.csv", "--pred", "answer"], "missing-column", /"answer"/],
    [
      "NaN in JSON",
      { "p.jsonl": '{"id":1,"gold":[],"pred":NaN}\n' },
      ["p.jsonl"],
      "invalid-json",
      /p\.jsonl:1:1: error.*NaN/,
    ],
    ["nested lists", { "p.jsonl": '{"id":1,"gold":[["a"]],"pred":[]}\n' }, ["p.jsonl"], "not-a-label"],
    ["Latin-1", { "p.jsonl": Buffer.from('{"id":1,"gold":["é"],"pred":[]}\n', "latin1") }, ["p.jsonl"], "encoding"],
    [
      "cases without a prediction, predictions without gold",
      { "p.jsonl": '{"id":1,"pred":[]}\n{"id":9,"pred":[]}\n', "g.csv": "id,gold\n1,a\n2,b\n" },
      ["p.jsonl", "--gold", "g.csv"],
      "missing-prediction",
      /^p\.jsonl:1:1: error\[missing-prediction\]: .*\b1 of 2 .*"2"$/m,
      /^p\.jsonl:1:1: error\[missing-gold\]: .*\b1 of 2 .*"9"$/m,
    ],
    ["too few samples", { "p.jsonl": jsonl }, ["p.jsonl", "--bootstrap", "few"], "bad-option", /--bootstrap .*100/],
    ["too many samples", { "p.jsonl": jsonl }, ["p.jsonl", "--bootstrap", "1000001"], "bad-option", /to 1000000\b/],
    ["no gold file", { "p.jsonl": jsonl }, ["p.jsonl", "--gold", "g.csv"], "missing-file", /^g\.csv:1:1: error/m],
    ["an empty separator", { "p.jsonl": jsonl }, ["p.jsonl", "--separator", ""], "bad-option", /--separator/],
  ];
  for (const [name, files, args, code, ...facts] of cases) {
    test(name, async ({ rig }) => {
      for (const [path, text] of Object.entries(files)) rig.write(path, text);
      expectFailure(await rig.exp("score", ...args), 2, code, ...facts);
    });
  }
});

describe("exp score A B --paired", () => {
  const gold = Array.from({ length: 40 }, (_, at) => [`finding ${at % 4}`, ...(at % 3 === 0 ? ["finding 9"] : [])]);
  /** Answers of which every n-th case lacks its first label. */
  const answers = (every: number): string =>
    gold
      .map((labels, at) => ({ id: `${at}`, gold: labels, pred: at % every === 0 ? labels.slice(1) : labels }))
      .map((line) => `${JSON.stringify(line)}\n`)
      .join("");

  test("tests each metric on the same cases, with Holm's correction over the metrics", async ({ rig }) => {
    rig.write("a.jsonl", answers(10));
    // Other order of cases and of gold labels: the cases are the same.
    const reordered = answers(4)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { gold: string[] })
      .map((line) => `${JSON.stringify({ ...line, gold: line.gold.toReversed() })}\n`);
    rig.write("b.jsonl", reordered.toReversed().join(""));
    const args = ["a.jsonl", "b.jsonl", "--paired", "--metric", "micro_f1", "--metric", "exact_match"];
    const found = await rig.json<Paired>("score", ...args);
    const { micro_f1: micro, exact_match: exact } = found.metrics;
    expect(found).toMatchObject({ n: 40, view: "canonical", files: ["a.jsonl", "b.jsonl"], correction: "holm" });
    // Cases 0 and 20 are wrong in both; 10 and 30 in a only; eight cases in b only.
    expect(found.exact_match).toEqual({ only_a: 8, only_b: 2, p: expect.closeTo(0.109375, 9) });
    expect([exact?.test, exact?.p, micro?.test]).toEqual([
      "exact McNemar",
      found.exact_match.p,
      "approximate randomisation",
    ]);
    expect(exact?.difference).toBeCloseTo(6 / 40, 12);
    const ps = [micro?.p as number, exact?.p as number].sort((a, b) => a - b) as [number, number];
    expect(Math.min(micro?.adjusted ?? 0, exact?.adjusted ?? 0)).toBeCloseTo(Math.min(1, 2 * ps[0]), 12);
    for (const { low = 1, high = 0, difference } of [micro, exact] as PairedMetric[])
      expect(low < difference && difference < high).toBe(true);
    const alone = (await scored(rig, "a.jsonl")).views as Record<string, Record<string, number>>;
    expect(micro?.a.value).toBeCloseTo(alone.canonical?.micro_f1 as number, 12);

    const text = await rig.output("score", "a.jsonl", "b.jsonl", "--paired", "--bootstrap", "500");
    expect(text).toMatch(/^exact_match +0\.900 \[.*\] +0\.750 \[.*\] +\+0\.150 +\[.*exact McNemar/m);
    expect(text).toMatch(/only A in 8 cases, only B in 2/);
  });

  test("a metric without a value has the reason", async ({ rig }) => {
    rig.write("a.jsonl", jsonl);
    const reason = "no label has at least 5 gold cases";
    expect((await rig.json<Paired>("score", "a.jsonl", "a.jsonl", "--paired")).absent).toEqual({
      macro_f1_min5: reason,
    });
    expect(await rig.output("score", "a.jsonl", "a.jsonl", "--paired")).toContain(`has no value: ${reason}`);
  });

  test("a metric without an interval has the reason", async ({ rig }) => {
    const right = Array.from({ length: 30 }, (_, at) => {
      const labels = [`finding ${at % 5}`];
      return JSON.stringify({ id: `${at}`, gold: labels, pred: labels });
    });
    rig.write("a.jsonl", right.join("\n"));
    const text = await rig.output("score", "a.jsonl", "--bootstrap", "100");
    expect(text).toMatch(/^cohen_kappa has no interval: the value is the same in all resamples$/m);
    expect(text).not.toContain("exact_match has no");
  });

  test("other cases, other gold and other numbers of files are errors", async ({ rig }) => {
    rig.write("a.jsonl", answers(10));
    rig.write("b.jsonl", answers(4).replace("finding 9", "finding 8"));
    rig.write("fewer.jsonl", answers(4).split("\n").slice(1).join("\n"));
    for (const other of ["b.jsonl", "fewer.jsonl"])
      expectFailure(await rig.exp("score", "a.jsonl", other, "--paired"), 2, "cases-differ", /case 0/);
    expectFailure(await rig.exp("score", "a.jsonl", "b.jsonl"), 2, "bad-argument", /--paired/);
    expectFailure(await rig.exp("score", "a.jsonl", "--paired"), 2, "bad-argument", /two files/);
    expectFailure(await rig.exp("score", "a.jsonl", "--metric", "micro_f1"), 2, "bad-option", /--paired/);
    const wrong = await rig.exp("score", "a.jsonl", "a.jsonl", "--paired", "--metric", "micro");
    expectFailure(wrong, 2, "bad-option", /micro_f1/);
  });
});
