import { expect, test } from "vitest";
import { matchesGlob } from "./glob.ts";

test("a star stays within a part, and two stars span parts", () => {
  const all = ["a.csv", "data/a.csv", "data/x/a.csv", "data/part-10.csv", "data/.part-1.csv", "data/.git/a.csv"];
  const matched = (glob: string) => all.filter((path) => matchesGlob(path, glob));
  expect(matched("*.csv")).toEqual(["a.csv"]);
  expect(matched("data/*.csv")).toEqual(["data/a.csv", "data/part-10.csv"]);
  expect(matched("data/part-??.csv")).toEqual(["data/part-10.csv"]);
  expect(matched("**/a.csv")).toEqual(["a.csv", "data/a.csv", "data/x/a.csv"]);
  expect(matched("data/**")).toEqual(["data/a.csv", "data/x/a.csv", "data/part-10.csv"]);
  expect(matched("data/.p*")).toEqual(["data/.part-1.csv"]);
  expect(matched("data/[a].csv")).toEqual([]);
});

test("many stars take time that is bounded by the lengths", () => {
  expect(matchesGlob("a".repeat(2000), `${"a*".repeat(200)}b`)).toBe(false);
});
