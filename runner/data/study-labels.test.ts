import { expect, it } from "vitest";
import { studyLabels } from "./study-labels.ts";

const labels = (golds: readonly (readonly string[])[], isSingle = false): string[] =>
  studyLabels(
    golds.map((gold) => ({ gold })),
    isSingle,
  ).map(({ label }) => label);
const many = (count: number, ...gold: string[]): string[][] => Array.from({ length: count }, () => gold);

it("does not count None of one dirty row as a label", () => {
  expect(labels([...many(3, "cyst"), ["stone", "None"]])).toEqual(["cyst", "stone"]);
  expect(labels([...many(101, "cyst"), ["None"]])).toEqual(["cyst"]);
});

it("counts a text for no finding that rows have alone", () => {
  expect(labels([...many(2, "cyst"), ["Normal"]])).toEqual(["cyst", "Normal"]);
  expect(labels([...many(200, "cyst"), ...many(2, "normal")])).toEqual(["cyst", "normal"]);
});

it("counts None only if more rows have it than no label", () => {
  expect(labels([["cyst"], ["None"], ["None"], []])).toEqual(["None", "cyst"]);
  expect(labels([["cyst"], ["None"], [], []])).toEqual(["cyst"]);
  expect(labels([["cyst"], ["Normal"], [], []])).toEqual(["Normal", "cyst"]);
});

it("counts a text for no finding that many rows have next to other labels", () => {
  expect(
    labels([
      ["stone", "no"],
      ["cyst", "no"],
      ["cyst", "null"],
    ]),
  ).toEqual(["cyst", "no", "stone"]);
  expect(
    labels([
      ["stone", "None"],
      ["cyst", "None"],
    ]),
  ).toEqual(["None", "cyst", "stone"]);
  expect(labels([["stone", "None"], ["cyst", "None"], []])).toEqual(["cyst", "stone"]);
  expect(labels([...many(300, "cyst"), ...many(2, "cyst", "None")])).toEqual(["cyst"]);
});

it("counts every text if each row has exactly one label", () =>
  expect(labels([...many(200, "Mild"), ["None"]], true)).toEqual(["Mild", "None"]));
