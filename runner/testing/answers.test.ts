/** Answers and targets of whole studies: each training target is read as its labels, in any form. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { errorCodes } from "./command.ts";
import { type Rig, test } from "./rig.ts";

type Line = { readonly id: string; readonly label: unknown };
type Prediction = { readonly id: string; readonly labels: readonly string[]; readonly parsed: boolean };

/** Writes a study whose answers are replayed. */
function writeStudy(
  rig: Rig,
  task: string,
  { train, test, answers }: { train: readonly unknown[]; test: readonly unknown[]; answers: readonly string[] },
): string {
  const lines = (name: string, labels: readonly unknown[]): string =>
    labels
      .map((label, at): Line & { note: string } => ({ id: `${name}${at}`, note: `${name} text number ${at}`, label }))
      .map((line) => `${JSON.stringify(line)}\n`)
      .join("");
  rig.write("answers/train.jsonl", lines("train", train));
  rig.write("answers/test.jsonl", lines("test", test));
  rig.write(
    "answers/answers.jsonl",
    answers.map((text, at) => `${JSON.stringify({ id: `test${at}`, text })}\n`).join(""),
  );
  rig.write("answers/t.hbs", "{{#user}}{{input}}{{/user}}");
  rig.write(
    "answers/x.yaml",
    [
      "name: answers",
      `task: ${task}`,
      "data:",
      "  train: {file: train.jsonl}",
      "  test: {file: test.jsonl}",
      "  columns: {id: id, input: note, target: label}",
      "model: {base: smollm2-135m}",
      "prompt: {template: t.hbs}",
      "generate: {engine: replay, file: answers.jsonl}",
      "baselines: []",
      "",
    ].join("\n"),
  );
  return "answers/x.yaml";
}

async function predictions(rig: Rig, file: string): Promise<readonly Prediction[]> {
  const { manifest } = await rig.build(file);
  const text = readFileSync(join(manifest, "..", "zero_shot", "predictions.jsonl"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Prediction);
}

test("labels that look like chatter are read as labels", async ({ rig }) => {
  const labels = ["model", "assistant", "I cannot tell", "data"];
  const file = writeStudy(rig, "single_label", { train: labels, test: labels, answers: labels });
  expect((await predictions(rig, file)).map(({ labels }) => labels)).toEqual(labels.map((label) => [label]));
});

test("a label that contains the separator stays whole, quoted or not", async ({ rig }) => {
  const gold = ["network, vpn", "printer"];
  const file = writeStudy(rig, "label_set", {
    train: [gold, ["printer"]],
    test: [gold, gold],
    answers: ['"network, vpn", printer', "network, vpn, printer"],
  });
  expect((await predictions(rig, file)).map(({ labels }) => labels)).toEqual([gold, gold]);
});

test("rows that no answer can match are errors that name the rows", async ({ rig }) => {
  const both = writeStudy(rig, "label_set", { train: [["None"], ["None"], [], ["a"]], test: ["a"], answers: ["a"] });
  const none = await rig.start(["data", both]).ended;
  expect(errorCodes(none)).toContain("unreadable-target");
  expect(none.stdout).toContain("train/train2");

  // Training has no row without labels, so that the parser cannot know this label: a limit of the sample, not an error.
  const unseen = writeStudy(rig, "label_set", { train: ["a", "b"], test: ["normal"], answers: ["a"] });
  const held = await rig.start(["data", unseen]).ended;
  expect([held.code, held.stdout]).toEqual([0, expect.stringContaining("warning[unseen-unreadable]")]);
});

test("numbers of JSON are labels and ids as they are written", async ({ rig }) => {
  const file = writeStudy(rig, "label_set", {
    train: [[1, 2], [2], "[1]"],
    test: [[1, 2], "a"],
    answers: ['{"labels": [1, 2]}', "[2]"],
  });
  expect((await predictions(rig, file)).map(({ labels }) => labels)).toEqual([["1", "2"], ["2"]]);

  const id = "1234567890123456789";
  rig.write("answers/test.jsonl", `{"id": ${id}, "note": "old house", "label": 1.0}\n`);
  rig.write("answers/answers.jsonl", `{"id": ${id}, "text": "1.0"}\n`);
  const [one] = await predictions(rig, file);
  expect(one).toMatchObject({ id, labels: ["1.0"], gold: ["1.0"] });
});

test("a target that is no label is an error that names the row", async ({ rig }) => {
  const train = [["a"], ["b"]];
  const none = writeStudy(rig, "label_set", { train: [...train, ["a", null]], test: ["a"], answers: ["a"] });
  const broken = await rig.start(["data", none]).ended;
  expect([errorCodes(broken), broken.stderr]).toEqual([["broken-target"], expect.stringContaining("row 3")]);

  const empty = writeStudy(rig, "single_label", { train: [...train, ""], test: ["a"], answers: ["a"] });
  const missing = await rig.start(["check", empty]).ended;
  expect([errorCodes(missing), missing.stderr]).toEqual([
    ["broken-target"],
    expect.stringMatching(/train\.jsonl:3:1.*row 3: the cell has no label/s),
  ]);
});
