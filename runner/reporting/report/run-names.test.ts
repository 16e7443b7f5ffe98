import { expect, test } from "vitest";
import { runNames, settingsText } from "./run-names.ts";

const run = (experiment: string, coordinates: string, on = "test", id = "0123abcd") =>
  ({ experiment, coordinates, run: id, config: { evaluate: { split: on } } }) as never;

test("run names are short and unique", () => {
  expect(runNames([run("a", "")])).toEqual(["a"]);
  expect(runNames([run("a", "train.rank=8")])).toEqual(["a: rank 8"]);
  expect(runNames([run("a", "train.rank=8"), run("a", "train.rank=16")])).toEqual(["rank 8", "rank 16"]);
  expect(runNames([run("a", "train.rank=8"), run("b", "train.rank=8")])).toEqual(["a: rank 8", "b: rank 8"]);
  expect(runNames([run("a", "train.rank=8", "validation"), run("a", "train.rank=8")])).toEqual([
    "rank 8 (on validation)",
    "rank 8 (on test)",
  ]);
  expect(runNames([run("a", "", "test", "x-00000001"), run("a", "", "test", "x-00000002")])).toEqual([
    "a (on test) 00000001",
    "a (on test) 00000002",
  ]);
});

test("keys with the same last part stay whole; lists are one value", () => {
  expect(settingsText("train.seed=1,data.train.seed=2")).toBe("train.seed 1, data.train.seed 2");
  expect(settingsText('train.targets=["q","v"],train.rank=8')).toBe('targets ["q","v"], rank 8');
});
