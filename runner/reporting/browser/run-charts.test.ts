import { expect, it } from "vitest";
import type { ListedRun, RunList } from "../report/run-list.ts";
import { runsChart } from "./run-charts.ts";

const run = (name: string, value: number) =>
  ({
    experiment: "sweep",
    name,
    subject: "tuned",
    metric: "loss",
    arms: { tuned: { loss: [value] } },
  }) as unknown as ListedRun;
const runs = [run("a", 0.3), run("b", 0.1), run("c", 0.2)];
const list = (loss: boolean | null): RunList => ({
  ...{ runs, armNames: {}, metricNames: {}, higherIsBetter: { loss } },
});
const state = { metric: "loss", arm: "", x: "" } as const;

it("the best value so far is the lowest of a metric of which lower is better", () => {
  expect(runsChart(runs, list(false), { ...state, chart: "time" })).toMatchObject({
    label: expect.stringContaining("best so far is 0.1000"),
  });
  expect(runsChart(runs, list(true), { ...state, chart: "time" })).toMatchObject({
    label: expect.stringContaining("best so far is 0.3000"),
  });
});

it("a metric without a best direction has no best value", () => {
  const chart = runsChart(runs, list(null), { ...state, chart: "time" });
  expect(chart).toMatchObject({ label: expect.not.stringContaining("best") });
  expect(JSON.stringify(chart)).not.toContain("step-after");
});

it("the cost is the price if all runs have one, and otherwise the time", () => {
  const priced = (price: number | null) =>
    runs.map((one, at) => ({ ...one, seconds: at, price: at === 0 ? price : 2 })) as readonly ListedRun[];
  expect(runsChart(priced(1), list(false), { ...state, chart: "cost" })).toMatchObject({
    label: expect.stringContaining("against price of all steps"),
  });
  expect(runsChart(priced(null), list(false), { ...state, chart: "cost" })).toMatchObject({
    label: expect.stringContaining("against time of all steps (seconds)"),
  });
});

it("names of runs have a digest only if their settings are equal", () => {
  const named = ["rank 4 (0a1b2c3d)", "rank 8 (1a1b2c3d)", "rank 8 (2a1b2c3d)"].map((name) => run(name, 0.5));
  const chart = runsChart(named, list(false), { ...state, chart: "time" }) as unknown as {
    spec: { data: { values: object[] } };
  };
  expect(chart.spec.data.values.map((value) => (value as { run: string }).run)).toEqual([
    "rank 4",
    "rank 8 (1a1b2c3d)",
    "rank 8 (2a1b2c3d)",
  ]);
});
