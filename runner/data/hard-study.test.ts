/** The shipped hard study has the facts of real data that its README states, and its generator writes these files. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "csv-parse/sync";
import { expect, test } from "vitest";

type Row = { readonly id: string; readonly text: string; readonly labels: readonly string[] };
type Mention = { readonly id: string; readonly label: string; readonly status: string; readonly sentence: string };

const folder = new URL("../../experiments/data/", import.meta.url);
const table = (name: string): string[][] =>
  (parse(readFileSync(new URL(`hard/${name}.csv`, folder), "utf8")) as string[][]).slice(1);
const rows = (name: string): readonly Row[] =>
  table(name).map(([id = "", text = "", labels = ""]) => ({ id, text, labels: labels.split(", ") }));

const train = rows("train");
const held = { test: rows("test"), calibration: rows("calibration") };
const splits = { train, ...held };
const mentions: readonly Mention[] = table("mentions").map(([id = "", label = "", status = "", sentence = ""]) => ({
  ...{ id, label, status, sentence },
}));

/** Label -> rows that have it. */
function counts(of: readonly Row[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { labels } of of) for (const label of labels) found.set(label, (found.get(label) ?? 0) + 1);
  return found;
}
const total = (of: readonly Row[]): number => of.reduce((sum, { labels }) => sum + labels.length, 0);
const words = (text: string): number => text.split(/\s+/).length;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const inTrain = counts(train);

test("generate.py writes these files and those of the other study", () => {
  execFileSync("python3", [fileURLToPath(new URL("generate.py", folder)), "--check"], { stdio: "pipe" });
});

test("splits, labels and lengths", () => {
  expect(Object.values(splits).map(({ length }) => length)).toEqual([1236, 386, 386]);
  expect(inTrain.size).toBe(84);
  expect([...inTrain.values()].filter((count) => count <= 5)).toHaveLength(45);
  expect(total(train) / train.length).toBeCloseTo(2.3, 2);
  for (const split of Object.values(held)) expect(total(split) / split.length).toBeCloseTo(2.6, 2);
  const all = Object.values(splits).flat();
  for (const { labels } of all) expect(new Set(labels).size).toBe(labels.length);
  const lengths = all.map(({ text }) => words(text));
  expect(Math.min(...lengths)).toBe(20);
  expect(Math.max(...lengths)).toBeGreaterThan(350);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(360);
  expect(Math.abs(median(lengths) - 122)).toBeLessThanOrEqual(2);
  expect(new Set(all.map(({ text }) => text)).size).toBe(all.length);
});

for (const [name, split] of Object.entries(held)) {
  test(`labels that training does not have, in ${name}`, () => {
    const unseen = [...counts(split)].filter(([label]) => !inTrain.has(label));
    const occurrences = unseen.reduce((sum, [, count]) => sum + count, 0);
    const affected = split.filter(({ labels }) => labels.some((label) => !inTrain.has(label))).length;
    expect([unseen.length, occurrences, affected]).toEqual([18, 84, 74]);
    // The best answers with training labels: every seen label, and nothing else.
    const seen = total(split) - occurrences;
    expect((2 * seen) / (seen + total(split))).toBeCloseTo(0.956, 3);
    expect((split.length - affected) / split.length).toBeCloseTo(0.81, 2);
  });

  test(`frequencies of labels shift by 0 to 9 % from training to ${name}`, () => {
    const found = counts(split);
    const shifts = [...new Set([...found.keys(), ...inTrain.keys()])].map((label) =>
      Math.abs((found.get(label) ?? 0) / split.length - (inTrain.get(label) ?? 0) / train.length),
    );
    expect(Math.max(...shifts)).toBeCloseTo(0.09, 2);
    expect(Math.min(...shifts)).toBeLessThan(0.005);
    expect(shifts.filter((shift) => shift > 0.02).length).toBeGreaterThan(8);
  });
}

test("one label is written in two ways, in every split", () => {
  for (const split of Object.values(splits))
    for (const label of ["Hiatal hernia", "Hiatus hernia"]) expect(counts(split).get(label)).toBeGreaterThan(5);
});

test("a quarter of the training labels is never named, only described", () => {
  const ids = new Set(train.map(({ id }) => id));
  const named = new Set(
    mentions.filter(({ id, status }) => status === "named" && ids.has(id)).map(({ label }) => label),
  );
  expect([...inTrain.keys()].filter((label) => !named.has(label)).length / inTrain.size).toBeCloseTo(0.25, 1);
  // A sentence that names a label has all of its words.
  for (const { label, status, sentence } of mentions)
    if (status === "described")
      expect(
        label.split(" ").every((word) => ` ${sentence} `.includes(` ${word} `)),
        `${label}: ${sentence}`,
      ).toBe(false);
});

for (const [name, split] of Object.entries(splits)) {
  test(`about 10 % of the labels of ${name} have no text, and about 10 % of the findings no label`, () => {
    const ids = new Map(split.map((row) => [row.id, row]));
    const stated = new Set<string>();
    const unlabelled = new Set<string>();
    for (const { id, label, status, sentence } of mentions) {
      const row = ids.get(id);
      if (row === undefined || status === "without text") continue;
      expect(row.text).toContain(sentence);
      expect(row.labels.includes(label)).toBe(status !== "unlabelled");
      (status === "unlabelled" ? unlabelled : stated).add(`${id} ${label}`);
    }
    const findings = total(split) - (counts(split).get("No significant abnormality") ?? 0);
    expect(Math.abs(1 - stated.size / findings - 0.1)).toBeLessThan(0.02);
    expect(Math.abs(unlabelled.size / (stated.size + unlabelled.size) - 0.1)).toBeLessThan(0.02);
  });
}

test("equal sentences have different labels: near-synonyms and vague findings", () => {
  const labels = new Map<string, Set<string>>();
  const key = ({ sentence }: Mention): string => sentence.replaceAll(/[\d.]+ ?(mm|cm)|\d+|right|left/gu, "_");
  const labelled = mentions.filter(({ status }) => status === "named" || status === "described");
  for (const mention of labelled) labels.set(key(mention), (labels.get(key(mention)) ?? new Set()).add(mention.label));
  const ambiguous = labelled.filter((mention) => (labels.get(key(mention))?.size ?? 0) > 1).length;
  expect(ambiguous / labelled.length).toBeGreaterThan(0.3);
  for (const [label, near] of [
    ["Renal cyst", "Simple renal cyst"],
    ["Kidney stone", "Nephrolithiasis"],
    ["Cirrhosis", "Chronic liver disease"],
  ] as const)
    expect([...labels.values()].some((found) => found.has(label) && found.has(near))).toBe(true);
});
