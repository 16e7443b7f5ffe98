import { expect, test } from "vitest";
import type { Case } from "./cases.ts";
import { compactCases, expandCase } from "./compact-cases.ts";

test("a compacted case expands to the original", () => {
  const right = { right: ["a", "b"], missed: [], added: [], categories: [], text: "a, b" };
  const wrong = { right: ["b"], missed: ["a"], added: ["c", ""], categories: [0, 2], text: "b, c" };
  const wrongHere = { ...wrong, right: [], missed: ["b"] };
  const silent = { right: ["b"], missed: [], added: [], categories: [] };
  const cases: readonly Case[] = [
    { id: "1", input: "text", gold: ["a", "b"], answers: [right, null, right, wrong] },
    { id: "2", input: "", gold: ["b"], answers: [{ ...wrong, missed: [] }, wrongHere, silent, null] },
  ];
  const made = compactCases({
    view: "basic",
    hasLabels: true,
    arms: ["p", "q", "r", "s"],
    categories: [],
    cases,
    notes: [],
  });
  expect(made.cases.map((one) => expandCase(one, made.labels))).toEqual(cases);
  expect(JSON.stringify(made).match(/"b, c"/g)).toHaveLength(2);
});
