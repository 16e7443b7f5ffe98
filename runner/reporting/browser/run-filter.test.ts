import { expect, it } from "vitest";
import type { ListedRun } from "../report/run-list.ts";
import { matchesRun, queryOf, type RunsState, stateOf } from "./run-filter.ts";

const run: ListedRun = {
  ...{
    label: "sweep/rank=8-0a1b2c3d",
    experiment: "sweep",
    run: "rank=8-0a1b2c3d",
    coordinates: "rank=8",
    name: "rank 8",
  },
  ...{ link: "/runs/sweep/x", created: "2026-01-01T00:00:00Z", marks: ["smoke"], seconds: 12, price: null },
  ...{ subject: "tuned", metric: "micro_f1", view: "canonical" },
  arms: { tuned: { micro_f1: [0.75, 0.7, 0.8] }, nearest: { micro_f1: [0.2] } },
  settings: { "train.rank": 8, "train.method": "lora", "data.columns.group": null },
};

it("the address holds the whole state", () => {
  const state: RunsState = {
    ...{ text: "a b", group: "sweep", chart: "scatter", metric: "macro_f1", arm: "tuned", x: "train.rank" },
    conditions: [
      { key: "train.rank", operator: "min", value: "4" },
      { key: "prompt.file", operator: "is", value: "a~b&c=d" },
    ],
    ...{ columns: ["train.rank"], hidden: ["memory"], sort: "score,descending" },
  };
  expect(stateOf(new URLSearchParams(queryOf(state).toString()))).toEqual(state);
  expect(stateOf(new URLSearchParams("where=x&where=a~bad~1&unknown=1"))).toEqual(stateOf(new URLSearchParams()));
});

it("runs are searched by name, mark and setting", () => {
  for (const text of ["", "sweep", "RANK=8 smoke", "train.method=lora"])
    expect([text, matchesRun(run, { text, conditions: [] })]).toEqual([text, true]);
  expect(matchesRun(run, { text: "sweep qlora", conditions: [] })).toBe(false);
});

it("conditions compare settings, metrics of the main arm and times", () => {
  const passes = (key: string, operator: RunsState["conditions"][number]["operator"], value: string): boolean =>
    matchesRun(run, { text: "", conditions: [{ key, operator, value }] });
  expect(passes("train.rank", "min", "8")).toBe(true);
  expect(passes("train.rank", "max", "7")).toBe(false);
  expect(passes("train.rank", "min", "")).toBe(false);
  expect(passes("train.method", "is", "lora")).toBe(true);
  expect(passes("train.method", "has", "LO")).toBe(true);
  expect(passes("data.columns.group", "is", "null")).toBe(true);
  expect(passes("metric:micro_f1", "min", "0.75")).toBe(true);
  expect(passes("metric:micro_f1", "min", "0.76")).toBe(false);
  expect(passes("seconds", "max", "12")).toBe(true);
  expect(passes("absent", "is", "x")).toBe(false);
  expect(passes("absent", "not", "x")).toBe(true);
});
