/** Studies with one label a case: every arm and every vote answers one label, and perfect answers score 1. */
import { describe, expect } from "vitest";
import type { ScoredResponse } from "../pipeline/steps/answer.ts";
import { completion, startServer } from "./chat-server.ts";
import { expectFailure, type RunEvents } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/single.yaml";

type Row = { readonly id: string; readonly note: string; readonly label: string };
const csv = (rows: readonly Row[]): string =>
  `id,note,label\n${rows.map(({ id, note, label }) => `${id},${note},${label}\n`).join("")}`;

function write(rig: Rig, train: readonly Row[], test: readonly Row[], keys: string): void {
  rig.write("experiments/data/single-train.csv", csv(train));
  rig.write("experiments/data/single-test.csv", csv(test));
  rig.write(
    "experiments/data/single.jsonl",
    test.map(({ id, label }) => `${JSON.stringify({ id, text: label })}\n`).join(""),
  );
  rig.write(
    file,
    `name: single
task: single_label
data:
  train: {file: data/single-train.csv}
  test: {file: data/single-test.csv}
  columns: {id: id, input: note, target: label}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
report: {xlsx: false}
${keys}`,
  );
}

const replay = "generate: {engine: replay, file: data/single.jsonl}\n";

/** Four training rows of four labels; the test rows have two of them. */
const four: readonly Row[] = ["pos", "neg", "mid", "odd"].map((label, at) => ({
  id: `t${at}`,
  note: `old tree number ${at}`,
  label,
}));
const two: readonly Row[] = [
  { id: "e1", note: "a house of brick", label: "pos" },
  { id: "e2", note: "the new car", label: "neg" },
];

function predictions(rig: Rig, run: RunEvents, arm: string): readonly (readonly string[])[] {
  const object = rig.manifest(run.manifest).steps[`evaluate.${arm}`]?.object;
  return rig
    .read(`artifacts/store/objects/${object}/predictions.jsonl`)
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as ScoredResponse & { readonly labels: readonly string[] }).labels);
}

describe("perfect answers of two of four training labels", () => {
  test("score 1 in a run and in exp score; a metric without meaning has a reason and no value", async ({ rig }) => {
    write(rig, four, two, `${replay}baselines: [most_frequent]\n`);
    const run = await rig.build(file);
    const { arms, intervals } = rig.manifest(run.manifest);
    const own = arms.zero_shot?.raw ?? {};
    const macro = ["macro_f1", "macro_precision", "macro_recall", "jaccard_macro", "balanced_accuracy"];
    expect(macro.map((name) => own[name])).toEqual(macro.map(() => 1));
    expect([own.hamming_loss, arms.most_frequent?.raw.hamming_loss]).toEqual([0, 1 / 2]);

    const reason = "no label has at least 5 gold cases";
    expect(own.macro_f1_min5).toBeNull();
    expect(intervals.zero_shot?.raw.macro_f1_min5).toMatchObject({ method: "none", reason });
    const shown = await rig.output("show", "single");
    expect(shown).toMatch(/^macro_f1_min5 +raw +– +–$/m);
    expect(shown).toContain(`macro_f1_min5 has no value: ${reason}`);
    expect(shown).toMatch(/^neg +1 +1\.000 +1\.000 +1\.000 \[0\.049, 1\.000\]$/m);
    const compared = await rig.output("compare", "single");
    expect(compared).toContain(`has no value: ${reason}`);
    expect(await rig.json("ls", "--where", "macro_f1_min5>=0")).toEqual([]);

    rig.write(
      "p.jsonl",
      two.map(({ id, label }) => `${JSON.stringify({ id, gold: [label], pred: [label] })}\n`).join(""),
    );
    const scored = await rig.json<{ readonly views: typeof arms.zero_shot; readonly absent: object }>(
      "score",
      "p.jsonl",
    );
    expect(scored.views?.raw).toEqual(own);
    expect(scored.absent).toMatchObject({ macro_f1_min5: reason });
    expect(await rig.output("score", "p.jsonl")).toMatch(/^macro_f1_min5 +– +– +–$/m);
  });
});

test("the classifier answers the label of the largest margin, one for each case", async ({ rig }) => {
  rig.usePython();
  const cues = { a: ["apple", "axe"], b: ["bear", "boat"], c: ["car", "cone"] };
  const noise = ["by", "it", "at", "on"];
  const rows = (count: number, prefix: string, from: number): readonly Row[] =>
    Array.from({ length: count }, (_, at) => {
      const number = from + at;
      const label = (["a", "b", "c"] as const)[number % 3] as "a" | "b" | "c";
      const words = Object.values(cues).map((own) => own[Math.floor(number / 3) % 2]);
      // Two of three notes have words of all labels, so that several margins are high or none is.
      const note = number % 5 < 3 ? [...words, noise[number % 4], cues[label][0]] : [noise[number % 4], cues[label][1]];
      return { id: `${prefix}${at}`, note: `${note.join(" ")} n${number}`, label };
    });
  write(rig, rows(45, "t", 0), rows(30, "e", 100), `${replay}baselines: [tfidf_svm, linear]\n`);
  const run = await rig.build(file);
  for (const arm of ["tfidf_svm", "linear"]) {
    expect(new Set(predictions(rig, run, arm).map(({ length }) => length))).toEqual(new Set([1]));
  }
});

test("a vote answers the first of the most frequent labels, also on a tie", async ({ rig }) => {
  let requests = 0;
  const { port } = await startServer(rig, (request, response) => {
    request.resume().on("end", () => {
      // The answers to one case: b, a, b, a. The tie goes to the label that was answered first.
      response.setHeader("content-type", "application/json").end(completion(requests++ % 2 === 0 ? "b" : "a"));
    });
  });
  const ab = four.map((row, at) => ({ ...row, label: at % 2 === 0 ? "a" : "b" }));
  write(
    rig,
    ab,
    two.map((row, at) => ({ ...row, label: at === 0 ? "b" : "a" })),
    `generate: {engine: openai, base_url: "http://127.0.0.1:${port}/v1", model: m, max_new_tokens: 8, temperature: 0.8, concurrency: 1, vote: {samples: 4}}\nbaselines: []\n`,
  );
  const run = await rig.build(file);
  expect(requests).toBe(8);
  expect(predictions(rig, run, "zero_shot")).toEqual([["b"], ["b"]]);
});

test("a sweep that repeats a value is an error: equal runs are not independent", async ({ rig }) => {
  for (const sweep of ["repeat: {evaluate.bootstrap.seed: [1, 1, 2]}", "grid: {evaluate.bootstrap.seed: [1.0, 1]}"]) {
    write(rig, four, two, `${replay}baselines: []\nsweep:\n  ${sweep}\n`);
    expectFailure(await rig.exp("check", file), 2, "out-of-range", /bootstrap.seed/);
  }
});
