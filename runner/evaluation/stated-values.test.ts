import { describe, expect, it } from "vitest";
import { datesIn, isNear, isOtherForm, numbersIn, sentenceWith, valueFinder } from "./stated-values.ts";

describe("numbers of a text", () => {
  it.each([
    ["1,200.50 euros", [1200.5]],
    ["1.200,50 euros", [1200.5]],
    ["3,5 kg", [3.5]],
    ["12'500 pieces", [12500]],
    ["about 1,200 rows", [1200, 1.2]],
    ["version 1.2.3", [1, 2, 3]],
    ["three seals", [3]],
    ["A12 and 4th", []],
  ])("%s", (text, values) => {
    expect(numbersIn(text).flatMap((one) => one.values)).toEqual(values);
  });
});

it("reads dates in any order, with and without names of months", () => {
  for (const text of [
    "2025-03-09",
    "2025/3/9",
    "09.03.2025",
    "3/9/2025",
    "9 March 2025",
    "March 9th, 2025",
    "9. Mar 2025",
  ])
    expect(
      datesIn(`on ${text}.`).flatMap(({ days }) => days),
      text,
    ).toContain("2025-03-09");
  expect(datesIn("2025-13-40, 1.2.3, March 2025")).toEqual([]);
});

describe("where a text states a value", () => {
  const find = valueFinder("On 12.03.2025 the mixer A12 lost 1,200 litres; two seals broke.");
  it.each([
    ["2025-03-12", true],
    ["2025-03-13", false],
    ["Mixer A12", true],
    ["mixer A1", false],
    ["seal", true],
    ["1200", true],
    [1200, true],
    [2, true],
    [13, false],
    ["", false],
    ["?", false],
  ])("%s: %s", (value, isFound) => {
    expect(find(value) !== undefined).toBe(isFound);
  });
  it("is a part of its sentence", () => {
    const quote = sentenceWith(450.5, "It leaks. It will cost about 450.5 EUR.");
    expect(quote?.sentence.slice(quote.name?.start, quote.name?.end)).toBe("450.5");
  });
});

it("tells another form of a value from a near one", () => {
  expect(isOtherForm("Smith, Ada", "Ada Smith")).toBe(true);
  expect(isOtherForm("2025-03-12", "12 March 2025")).toBe(true);
  expect(isOtherForm("2025-03-12", "2025-03-13")).toBe(false);
  expect(isNear("feed pump A12", "feed pump A1")).toBe(true);
  expect(isNear("feed pump A12", "feed pump")).toBe(true);
  expect(isNear("feed pump", "mixer")).toBe(false);
  expect(isNear("2025-03-12", "2025-03-13")).toBe(false);
});
