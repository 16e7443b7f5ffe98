import { expect, it } from "vitest";
import { curvesOf } from "./learning-curves.ts";
import { trainingChart } from "./training-chart.ts";

const titles = { x: "optimiser step", y: "loss" };
const first = { name: "first", training: [[1, 4] as const, [2, 3] as const], validation: [[2, 3.5] as const] };

it("a chart has the training and validation values of each training", () => {
  const { label, spec } = trainingChart([first, { ...first, name: "second", validation: [] }], titles);
  expect(label).toBe(
    "loss by optimiser step; first: training 3.0000 at 2, validation 3.5000 at 2; second: training 3.0000 at 2",
  );
  const { values } = (spec as { data: { values: { run: string; split: string; x: number; y: number }[] } }).data;
  expect(values.map(({ run, split, x, y }) => [run, split, x, y])).toEqual([
    ["first", "training", 1, 4],
    ["first", "training", 2, 3],
    ["first", "validation", 2, 3.5],
    ["second", "training", 1, 4],
    ["second", "training", 2, 3],
  ]);
});

it("curves by epoch divide steps by those of an epoch", () => {
  const validation = { loss: [[10, 2] as const], micro_f1: [[10, 0.5] as const] };
  const known = { name: "known", stepsPerEpoch: 4, training: [[2, 3] as const], validation };
  const all = { curves: [known, { ...known, name: "unknown", stepsPerEpoch: null }], names: {} };
  expect(curvesOf(all, "loss", true)).toEqual([{ name: "known", training: [[0.5, 3]], validation: [[2.5, 2]] }]);
  expect(curvesOf(all, "micro_f1", false).map(({ name, training, validation: at }) => [name, training, at])).toEqual([
    ["known", [], [[10, 0.5]]],
    ["unknown", [], [[10, 0.5]]],
  ]);
  expect(curvesOf(all, "none", false)).toEqual([]);
});
