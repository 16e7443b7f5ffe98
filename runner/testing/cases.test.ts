/**
 * Small studies of other people that exp once handled wrongly, in `cases/`. Each has the right result here, followed by
 * inputs of the same kind.
 */
import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { ScoredResponse } from "../pipeline/steps/answer.ts";
import { completion, startServer } from "./chat-server.ts";
import { expectFailure, type RunEvents } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "x.yaml";

function copyCase(rig: Rig, name: string): void {
  cpSync(join(import.meta.dirname, "cases", name), rig.folder, { recursive: true });
}

/** The predictions of an arm of the last run, in the order of the test rows. */
function predictions(
  rig: Rig,
  { manifest }: RunEvents,
  arm: string,
): readonly (ScoredResponse & { labels: string[] })[] {
  const object = rig.manifest(manifest).steps[`evaluate.${arm}`]?.object;
  return rig
    .read(`artifacts/store/objects/${object}/predictions.jsonl`)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ScoredResponse & { labels: string[] });
}

const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

describe("metrics", () => {
  test("perfect answers score 1 if the test rows lack a training label", async ({ rig }) => {
    copyCase(rig, "macro-f1-perfect");
    const { manifest } = await rig.build(file);
    const { raw = {} } = rig.manifest(manifest).arms.zero_shot ?? {};
    for (const name of ["macro_f1", "macro_precision", "macro_recall", "jaccard_macro"])
      expect([name, raw[name]]).toEqual([name, 1]);
    expect(raw.hamming_loss).toBe(0);
    const score = await rig.json<{ views: { raw: Record<string, number> } }>(
      "score",
      join(
        "artifacts/store/objects",
        `${rig.manifest(manifest).steps["evaluate.zero_shot"]?.object}`,
        "predictions.jsonl",
      ),
      "--task",
      "single_label",
    );
    for (const [name, value] of Object.entries(score.views.raw)) expect([name, value]).toEqual([name, raw[name]]);
  });

  test("equal values of a sweep are an error, also if they are written differently", async ({ rig }) => {
    copyCase(rig, "duplicate-seeds");
    expectFailure(await rig.exp("check", file), 2, "out-of-range", /x\.yaml:13/, /items 1 and 2/);
    rig.edit(file, "[1, 1, 1, 2]", "[1, 2]");
    expect((await rig.exp("check", file)).code).toBe(0);
    rig.edit(file, "data.targets.order: [as_is, alphabetical]", "generate.temperature: [1.0e-4, 0.0001]");
    expectFailure(await rig.exp("check", file), 2, "out-of-range", /x\.yaml:12/, /items 1 and 2/);
    // One file by two paths, and a pattern that only this file matches.
    for (const [before, path] of [
      ["generate.temperature: [1.0e-4, 0.0001]", "../study/train.csv"],
      ["../study/train.csv", "trai*.csv"],
    ] as const) {
      rig.edit(file, before, before.includes(":") ? `data.train.file: [train.csv, ${path}]` : path);
      expectFailure(await rig.exp("check", file), 2, "out-of-range", /x\.yaml:11/, /are? the same experiment/);
    }
  });
});

describe("tasks with one label a case", () => {
  test("TF-IDF + SVM answers the label with the largest margin", async ({ rig }) => {
    copyCase(rig, "single-label-svm");
    rig.usePython();
    const run = await rig.build(file);
    expect(predictions(rig, run, "tfidf_svm").map(({ labels }) => labels.length)).toEqual(Array(60).fill(1));
    expect(rig.manifest(run.manifest).arms.tfidf_svm?.raw.accuracy).toBeCloseTo(0.617, 3);
  });

  test("a vote answers the first of the most frequent labels", async ({ rig }) => {
    copyCase(rig, "vote-single-label");
    let answered = 0;
    const { port } = await startServer(rig, (_request, response) => {
      response.end(completion(["a", "b", "b", "a", "c", "b", "a", "d"][answered++ % 8] as string));
    });
    rig.edit(file, "127.0.0.1:8704", `127.0.0.1:${port}`);
    const run = await rig.build(file);
    expect(predictions(rig, run, "zero_shot").map(({ labels }) => labels)).toEqual([["a"], ["c"]]);
  });

  test("a row with two labels is an error at its place, which no command gets past", async ({ rig }) => {
    copyCase(rig, "two-gold-labels-single");
    for (const command of ["check", "data"])
      expectFailure(await rig.exp(command, file), 2, "broken-target", /train\.jsonl:1.*row 1: the cell has 2 labels/s);
    expectFailure(await rig.exp("run", file), 1, "broken-target");
  });
});

describe("labels that look like other parts of an answer", () => {
  test("a training label counts, also if it reads as a role, a refusal or a heading", async ({ rig }) => {
    copyCase(rig, "known-label-like-chatter");
    const { manifest } = await rig.build(file);
    expect(rig.manifest(manifest).arms.zero_shot?.raw.accuracy).toBe(1);
  });

  test("a training label counts with the marker of a list, in brackets and in a sentence", async ({ rig }) => {
    copyCase(rig, "known-label-like-chatter");
    const labels = ["1", "2", "A", "B"];
    const texts = ["1.", "The answer is 2.", "(A)", "**B**"];
    const rows = labels.map((label, at) => `${at},note ${at},${label}`).join("\n");
    rig.write("train.csv", `id,note,label\n${rows.replaceAll("note", "training note")}\n`);
    rig.write("test.csv", `id,note,label\n${rows}\n`);
    rig.write("answers.jsonl", lines(texts.map((text, at) => ({ id: `${at}`, text }))));
    const run = await rig.build(file);
    expect(predictions(rig, run, "zero_shot").map(({ labels }) => labels)).toEqual(labels.map((label) => [label]));
  });

  test("a training label counts in the forms in which models write it", async ({ rig }) => {
    copyCase(rig, "known-label-like-chatter");
    const answers: readonly (readonly [label: string, answer: string])[] = [
      ["10", "(10)"],
      ["12:30", "[12:30]"],
      ["0/1", "-> 0/1"],
      ["?", "Answer: ?"],
      ["!", "**!**"],
      ["👍🏽", "The answer is 👍🏽."],
      ["user", "```\nuser\n```"],
      ["system", "Sure! Here is the label:\n\nsystem"],
      ["assistant", "assistant<|im_end|>"],
      ["model", "model\n\nExplanation: the text says so."],
      ["Final answer", "Final answer: Final answer"],
      ["label", '{"label": "label"}'],
      ["1.", "- 1."],
      ["[UNK]", "`[UNK]`"],
      ["<|pad|>", "The label is <|pad|>."],
      ["north, east", "north, east\n\nExplanation: the wind."],
      ["__init__", "The answer is __init__."],
      ["None", "[None]"],
      ["I'm sorry", ": I'm sorry"],
      ["\u200fسلبي", "\u200f**سلبي**\u200e"],
      ["中性", "\u200b中性。"],
      ["R", "\ufeffR"],
      ["C#", "=> C#"],
      ["not sure", "<think>not sure</think>\n\nNot sure"],
    ];
    const rows = (note: string) => lines(answers.map(([label], at) => ({ id: `${at}`, note: `${note} ${at}`, label })));
    rig.write("train.jsonl", rows("training note"));
    rig.write("test.jsonl", rows("note"));
    rig.edit(file, "train.csv", "train.jsonl");
    rig.edit(file, "test.csv", "test.jsonl");
    rig.write("answers.jsonl", lines(answers.map(([, text], at) => ({ id: `${at}`, text }))));
    const run = await rig.build(file);
    const wrong = predictions(rig, run, "zero_shot").filter(({ gold, labels }) => `${gold}` !== `${labels}`);
    expect(wrong.map(({ text, labels }) => [text, labels])).toEqual([
      ["\u200f**سلبي**\u200e", ["سلبي"]],
      ["<think>not sure</think>\n\nNot sure", ["Not sure"]],
    ]);
    expect(rig.manifest(run.manifest).arms.zero_shot?.basic?.accuracy).toBe(1);
  });

  test("a label that contains the separator is read back; other targets that are not are errors", async ({ rig }) => {
    copyCase(rig, "label-holds-separator");
    const run = await rig.build(file);
    expect(predictions(rig, run, "zero_shot")[0]?.labels).toEqual(["Fracture, left", "cyst"]);
    expect(rig.manifest(run.manifest).arms.zero_shot?.raw.micro_f1).toBe(1);
    const others = [["a\nb", "cyst"], ["Result: x", "cyst"], [], ["None"]];
    rig.write("train.jsonl", lines(others.map((label, at) => ({ id: `t${at}`, note: `note ${at}`, label }))));
    expectFailure(await rig.exp("data", file), 3, "unreadable-target", /1 row .*\n +train\/t3$/m);
    // "None" is taught for t2. It cannot be a label of the other rows.
    const nones = [["None", "cyst"], ["None", "x"], [], ["cyst"]];
    rig.write("train.jsonl", lines(nones.map((label, at) => ({ id: `t${at}`, note: `note ${at}`, label }))));
    expectFailure(await rig.exp("data", file), 3, "unreadable-target", /2 rows .*\n +train\/t0, train\/t1$/m);
  });

  test("labels that read as nothing count next to other labels", async ({ rig }) => {
    copyCase(rig, "label-holds-separator");
    const golds = [
      ["no", "42"],
      ["null", "a, b"],
      ["yes", "no"],
      ["null", "1.0"],
      ["true", "None"],
      ["1e5", "None"],
    ];
    const rows = (id: string) =>
      lines(golds.map((label, at) => ({ id: `${id}${at}`, note: `${id} note ${at}`, label })));
    rig.write("train.jsonl", rows("t"));
    rig.write("test.jsonl", rows("e"));
    const written = (label: string) => (label.includes(",") ? JSON.stringify(label) : label);
    rig.write("answers.jsonl", lines(golds.map((gold, at) => ({ id: `e${at}`, text: gold.map(written).join(", ") }))));
    const run = await rig.build(file);
    expect(predictions(rig, run, "zero_shot").map(({ labels }) => labels)).toEqual(golds);
  });
});

describe("numbers in data", () => {
  test("are labels as written, and a list with another value is an error with its row", async ({ rig }) => {
    copyCase(rig, "json-number-labels");
    expectFailure(await rig.exp("data", file), 2, "broken-target", /test\.jsonl:2/);
    rig.write("train.jsonl", '{"id": "t1", "note": "x", "label": [1.0, 2]}\n{"id": "t2", "note": "y", "label": [2]}\n');
    rig.write("test.jsonl", '{"id": "e1", "note": "z", "label": [1.0, 2]}\n');
    rig.write("answers.jsonl", lines([{ id: "e1", text: '{"labels": [1.0, 2]}' }]));
    for (const [column, value, code] of [
      ["label", { name: 1 }, "broken-target"],
      ["label", [[1]], "broken-target"],
      ["label", [null], "broken-target"],
      ["id", [1, 2], "missing-id"],
      ["id", { a: 1 }, "missing-id"],
    ] as const) {
      rig.write("odd.jsonl", lines([{ id: "o1", note: "x", label: [1], ...{ [column]: value } }]));
      const odd = ["--set", "data.train.file=odd.jsonl"];
      expectFailure(await rig.exp("data", file, ...odd), 2, code, /odd\.jsonl:1/);
    }
    const run = await rig.build(file);
    expect(predictions(rig, run, "zero_shot")[0]).toMatchObject({ gold: ["1.0", "2"], labels: ["1.0", "2"] });
  });

  test("are ids as written, beyond 53 bits", async ({ rig }) => {
    copyCase(rig, "big-integer-ids");
    const run = await rig.build(file);
    expect(predictions(rig, run, "zero_shot")[0]?.id).toBe("1234567890123456789");
    const data = await rig.output("data", file);
    expect(data).not.toContain("duplicate-id");
    rig.write("gold.jsonl", '{"id": 9007199254740993, "labels": [1]}\n{"id": 9007199254740992, "labels": [2]}\n');
    rig.write("pred.jsonl", '{"id": 9007199254740992, "labels": [2]}\n{"id": 9007199254740993, "labels": [1]}\n');
    const score = await rig.json<{ n: number; views: { raw: Record<string, number> } }>(
      "score",
      ...["pred.jsonl", "--gold", "gold.jsonl", "--gold-column", "labels", "--pred", "labels"],
    );
    expect([score.n, score.views.raw.exact_match]).toEqual([2, 1]);
  });
});

test.for(["\\u0007", "\\u001b[31m", "\\uffff", "\\ud83d"])(
  "an answer with %s is shown in report and export",
  async (written, { rig }) => {
    copyCase(rig, "control-char-report");
    rig.edit("answers.jsonl", "\\u0007", written);
    await rig.build(file);
    for (const command of [
      ["report", "x", "--out", "report.pdf"],
      ["export", "out", "x"],
    ]) {
      const { code, stdout, stderr } = await rig.exp(...command);
      expect(code, stderr).toBe(0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the characters must be absent
      expect(`${stdout}${stderr}`).not.toMatch(/NotSet|[\x07\x1b]/);
    }
    for (const path of ["report.pdf", "out/report.pdf"])
      expect(execFileSync("pdftotext", ["-layout", rig.path(path), "-"], { encoding: "utf8" })).toContain("odd\ufffd");
  },
);

test("an upload needs a name that the hub accepts", async ({ rig }) => {
  copyCase(rig, "repo-names");
  const names = ["me/my--model.git", "me/a..b", "me/-a", "me/a.", "me/a.git", `me/${"a".repeat(97)}`, "me/a b"];
  expectFailure(await rig.exp("check", file), 2, "bad-format", /x\.yaml:11/);
  for (const [at, name] of names.slice(1).entries()) {
    rig.edit(file, `repo: ${names[at]}`, `repo: ${name}`);
    expectFailure(await rig.exp("check", file), 2, "bad-format", /upload\.repo/);
  }
});

test("answers that are cut off are counted next to the scores of their arm", async ({ rig }) => {
  copyCase(rig, "vote-single-label");
  const { port } = await startServer(rig, (_request, response) => {
    response.end(completion("a long").replace('"stop"', '"length"'));
  });
  rig.edit(file, "127.0.0.1:8704", `127.0.0.1:${port}`);
  rig.edit(file, ", vote: {samples: 4}", "");
  await rig.build(file);
  const note = "zero-shot: 2 of 2 answers cut off at generate.max_new_tokens (8)";
  expect(await rig.output("show", "x")).toContain(note);
  expect(await rig.output("run", file)).toContain(note);
});
