import { expect, it } from "vitest";
import { type Ablation, ablationOf, type ScoredRun } from "../../runs/ablation.ts";
import { ablationTable } from "../report/ablation.ts";
import { ablation } from "./ablation.ts";
import { learningCurve } from "./learning-curve.ts";

const subject = { experiment: "curve", metric: "micro_f1", view: "canonical", rows: "test" as const };
const run = (values: Readonly<Record<string, unknown>>, value: number, trainingRows: number): ScoredRun => ({
  ...{ setting: JSON.stringify(values), values, value, trainingRows, seconds: 1 },
  interval: { low: value - 0.1, high: value + 0.1 },
});
const limit = (rows: number) => ({ "data.train.limit": rows });
const dataOf = (spec: object | undefined) =>
  (spec as { layer: { data: { values: object[] } }[] } | undefined)?.layer.map(({ data }) => data.values);

it("a sweep over data.train.limit is a line over the rows that were used, with the intervals of the table", () => {
  const own = ablationOf(subject, [run(limit(20), 0.2, 18), run(limit(40), 0.4, 36)]);
  const [line, bars, seeds] = dataOf(learningCurve(own)) ?? [];
  expect(line).toMatchObject(own.settings.map(({ trainingRows: rows, value }) => ({ rows, value })));
  expect(bars).toMatchObject(own.settings.map(({ trainingRows: rows, interval }) => ({ rows, ...interval })));
  expect(seeds).toEqual([]);
  const { head, rows } = ablationTable(own, String);
  expect(rows.map((row) => row[head.indexOf("training rows")])).toEqual(["18", "36"]);
});

it("with several seeds, the line joins the means of the table and every seed is a point", () => {
  const runs = [20, 40].flatMap((rows) => [0.1, 0.3].map((value) => run(limit(rows), value + rows / 100, rows)));
  const own = ablationOf(subject, runs);
  const [line, bars, seeds] = dataOf(learningCurve(own)) ?? [];
  expect(line).toMatchObject([
    { rows: 20, value: expect.closeTo(0.4) },
    { rows: 40, value: expect.closeTo(0.6) },
  ]);
  expect(bars).toEqual([]);
  expect(seeds).toMatchObject(runs.map(({ trainingRows: rows, value }) => ({ rows, value })));
});

it("other keys are lines of their own", () => {
  const settings = [8, 16].flatMap((rank) => [20, 40].map((rows) => ({ ...limit(rows), "train.rank": rank })));
  const own = ablationOf(
    subject,
    settings.map((values, at) => run(values, at / 10, 20 + (at % 2) * 20)),
  );
  expect(dataOf(learningCurve(own))?.[0]).toMatchObject(
    ["rank 8", "rank 8", "rank 16", "rank 16"].map((line) => ({ line })),
  );
});

it("other sweeps are no learning curve; a sweep over seeds alone shows their spread", () => {
  const own: Ablation = ablationOf(subject, [run({}, 0.2, 9), run({}, 0.4, 9)]);
  expect(learningCurve(own)).toBeUndefined();
  expect(ablation(own)).toMatchObject({ data: { values: [{ value: 0.2 }, { value: 0.4 }] } });
});
