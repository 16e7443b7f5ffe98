import { expect, test } from "vitest";
import type { Ingredients } from "./record.ts";
import { changedSources, isStale } from "./stale.ts";

const before: Ingredients = {
  kind: "train",
  version: 1,
  params: { rank: 8 },
  sources: { "recipes/torchtune/train.py": "a", "lock of torchtune": "b", "data.train.file": "c" },
  inputs: { model: "d" },
};
const changed = (sources: Readonly<Record<string, string>>) => ({
  ...before,
  sources: { ...before.sources, ...sources },
});

test("a stale result may differ in recipe code and lock files", () => {
  expect(isStale(before, changed({ "recipes/torchtune/train.py": "x", "lock of torchtune": "y" }))).toBe(true);
  expect(isStale(before, changed({ "recipes/torchtune/new.py": "x" }))).toBe(true);
  expect(isStale(changed({ "recipes/torchtune/old.py": "x" }), before)).toBe(true);
});

test("a stale result may not differ in anything else", () => {
  const others: readonly Ingredients[] = [
    { ...before, kind: "merge" },
    { ...before, version: 2 },
    { ...before, params: { rank: 16 } },
    { ...before, inputs: { model: "x" } },
    { ...before, inputs: {} },
    changed({ "data.train.file": "x" }),
    changed({ template: "x" }),
    changed({ "model/recipes/weights.py": "x" }),
  ];
  for (const now of others) expect(isStale(before, now)).toBe(false);
});

test("names changed sources in order", () => {
  const now = changed({ "recipes/torchtune/train.py": "x", "recipes/a.py": "y" });
  expect(changedSources(before.sources, now.sources)).toEqual(["recipes/a.py", "recipes/torchtune/train.py"]);
  expect(changedSources(now.sources, now.sources)).toEqual([]);
});
