import { expect, it } from "vitest";
import { type ScoredRow, suspectedErrors, suspicions } from "./suspects.ts";

const row = (id: string, gold: readonly string[], scores: Readonly<Record<string, number>>): ScoredRow => ({
  ...{ id, gold },
  scores: new Map(Object.entries(scores)),
});
const clean = [
  ...Array.from({ length: 8 }, (_, at) => row(`has-${at}`, ["cyst"], { cyst: 0.5, stone: -1 })),
  ...Array.from({ length: 20 }, (_, at) => row(`lacks-${at}`, ["stone"], { cyst: -1, stone: 0.5 + at / 100 })),
];

it("suspects a missing label that scores as rows with it, and a given one that scores as rows without it", () => {
  const rows = [
    ...clean,
    row("missing", ["stone"], { cyst: 0.9, stone: 0.6 }),
    row("wrong", ["cyst"], { cyst: -1.4, stone: -1 }),
  ];
  const found = suspectedErrors(rows).filter(({ id }) => ["missing", "wrong"].includes(id));
  expect(found.map(({ id, label, kind, score }) => [id, label, kind, score])).toEqual([
    ["missing", "cyst", "missing", 0.9],
    ["wrong", "cyst", "wrong", -1.4],
  ]);
  const [{ limit } = { limit: Number.NaN }] = found;
  // The mean of the rows with the label, the wrong one counted in.
  expect(limit).toBeCloseTo((8 * 0.5 - 1.4) / 9, 12);
});

it("orders by the distance beyond the limit", () => {
  const rows = [...clean, row("a", ["stone"], { cyst: 0.6, stone: 0.6 }), row("b", ["stone"], { cyst: 2, stone: 0.6 })];
  expect(suspectedErrors(rows).map(({ id }) => id)).toEqual(["b", "a"]);
});

it("suspects nothing for rare labels, for labels of all rows, and for labels that the classifier does not know", () => {
  const scores = { cyst: 0.9, stone: 0.6, rare: 0.9, all: 0.9 };
  const rows = Array.from({ length: 12 }, (_, at) =>
    row(`${at}`, ["all", ...(at < 4 ? ["rare"] : []), ...(at % 2 === 0 ? ["cyst"] : [])], {
      ...scores,
      cyst: at % 2 === 0 ? -1 : 1,
    }),
  );
  expect(suspectedErrors(rows)).toEqual([]);
  expect(suspectedErrors([row("1", [], {})])).toEqual([]);
});

it("suspects nothing for a label that most rows with a high score do not have", () => {
  const scores = (at: number): ScoredRow["scores"] => new Map([["vague", at < 6 ? 1 : at < 14 ? 0.9 : -1]]);
  const rows = Array.from({ length: 40 }, (_, at) => ({
    id: `${at}`,
    gold: at < 5 ? ["vague"] : [],
    scores: scores(at),
  }));
  expect(suspectedErrors(rows).map(({ id }) => id)).toEqual(["5"]);
  const vague = rows.map((row, at) => ({ ...row, gold: at < 14 && at % 3 === 0 ? ["vague"] : [] }));
  expect(suspectedErrors(vague)).toEqual([]);
});

it("takes a label that is often missing next to another one for its near-synonym", () => {
  const named = (at: number): readonly string[] => (at < 30 ? ["stone"] : at < 40 ? ["calculus"] : ["cyst"]);
  const rows = Array.from({ length: 200 }, (_, at) =>
    row(`${at}`, named(at), at < 40 ? { stone: 1, calculus: 0, cyst: -1 } : { stone: -1, calculus: -1, cyst: 1 }),
  );
  const other = row("other", ["cyst"], { stone: 1, calculus: -1, cyst: 1 });
  const { errors, pairs } = suspicions([...rows, other]);
  expect(pairs).toEqual([{ label: "stone", other: "calculus", rows: 11, shared: 10 }]);
  expect(errors.filter(({ label }) => label === "stone")).toMatchObject([{ id: "other", kind: "missing" }]);
});

it("takes the least score of a row for a label that is not listed", () => {
  const rows = [...clean, row("unlisted", ["cyst"], { stone: -1.2 })];
  expect(suspectedErrors(rows)).toMatchObject([{ id: "unlisted", label: "cyst", kind: "wrong", score: -1.2 }]);
});
