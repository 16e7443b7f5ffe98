import { expect, it } from "vitest";
import { mostFrequent } from "./most-frequent.ts";
import { nearest } from "./nearest.ts";

const row = (input: string, ...gold: string[]) => ({ input, gold });

it("most_frequent gives the most frequent set, compared without order and case, in its most frequent spelling", () => {
  const train = [row("1", "a", "b"), row("2", "c"), row("3", "B", "A"), row("4", "c"), row("5", "B", "A")];
  expect(mostFrequent(train, ["x", "y"])).toEqual([
    ["B", "A"],
    ["B", "A"],
  ]);
  expect(mostFrequent([row("1", "c"), row("2", "a")], ["x"])).toEqual([["c"]]);
  expect(mostFrequent([], ["x"])).toEqual([[]]);
});

it("nearest gives the labels of the row with the most similar terms; none without a shared term", () => {
  const train = [
    row("The liver is normal. The kidney shows a cyst.", "renal cyst"),
    row("The liver shows a cyst. The kidney is normal.", "liver cyst"),
    row("The spleen is large.", "splenomegaly"),
  ];
  expect(nearest(train, ["kidney shows a cyst", "liver shows a cyst", "a large spleen", "nothing like it"])).toEqual([
    ["renal cyst"],
    ["liver cyst"],
    ["splenomegaly"],
    [],
  ]);
  expect(nearest([], ["anything"])).toEqual([[]]);
});
