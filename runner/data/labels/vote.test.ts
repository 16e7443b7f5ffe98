import { expect, it } from "vitest";
import { parseAnswer } from "./parse.ts";
import { voteLabels } from "./vote.ts";

const read = (...texts: string[]) => texts.map((text) => parseAnswer(text, { separator: "," }));

it("keeps the labels of a share of the answers, most votes first", () => {
  const answers = read("A, B", "B, C", "b", "B, A", "None");
  expect(voteLabels(answers, 0.5).labels).toEqual(["B"]);
  expect(voteLabels(answers, 0.4).labels).toEqual(["B", "A"]);
  expect(voteLabels(answers, 0.2).labels).toEqual(["B", "A", "C"]);
});

it("counts an answer that cannot be read as one without labels", () => {
  const answers = read("A", "", "");
  expect(voteLabels(answers, 0.5)).toMatchObject({ labels: [], parsed: true });
  expect(voteLabels(read("", ""), 0.5)).toMatchObject({ labels: [], parsed: false, notes: ["empty"] });
});

it("a share that is met exactly is enough, and a label twice in one answer is one vote", () => {
  expect(voteLabels(read("A", "A", "B"), 2 / 3).labels).toEqual(["A"]);
  expect(voteLabels(read("A, a", "B"), 0.6).labels).toEqual([]);
});

it("takes one label of a task with one label: the first of the most frequent ones", () => {
  expect(voteLabels(read("A", "B"), 0.6, true).labels).toEqual(["A"]);
  expect(voteLabels(read("A", "B", "C"), 0.5, true).labels).toEqual(["A"]);
  expect(voteLabels(read("A", "B", "b"), 0.9, true).labels).toEqual(["B"]);
});
