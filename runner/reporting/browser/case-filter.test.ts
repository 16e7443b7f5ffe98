import { expect, it } from "vitest";
import type { CompactAnswer, CompactCase } from "../report/compact-cases.ts";
import { matches } from "./case-filter.ts";

const right: CompactAnswer = [[], [], []];
const wrong: CompactAnswer = [[0], [], [0]];
const one: CompactCase = ["a", "text", [0], [right, wrong, right, null]];
const differ = (arm?: number, other?: number): boolean =>
  matches(one, "", { text: "", arm, other, answer: "differ", label: undefined });

it("cases that arms answer differently are those of all arms, or of two", () => {
  expect([differ(), differ(0), differ(0, 1), differ(1, 2)]).toEqual([true, true, true, true]);
  expect([differ(0, 2), differ(0, 3), differ(3, 0)]).toEqual([false, false, false]);
});
