/** The sentences that the error analysis quotes, against the true ones that the generator of the shipped study records. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "csv-parse/sync";
import { expect, test } from "vitest";
import { splitLabels } from "../data/labels/split.ts";
import { parseSynonyms } from "../data/labels/synonyms.ts";
import { viewLabels, viewOf } from "../data/labels/views.ts";
import { causeFinder } from "../evaluation/error-analysis/cause-finder.ts";
import { sentenceFinder } from "../evaluation/error-analysis/sentence.ts";

const experiments = fileURLToPath(new URL("../../experiments/", import.meta.url));
const rows = (name: string): Record<string, string>[] =>
  parse(readFileSync(`${experiments}data/${name}`), { columns: true });

const path = `${experiments}labels/synonyms.yaml`;
const synonyms = parseSynonyms({ path, text: readFileSync(path, "utf8") });
if (!synonyms.ok) throw new Error("the synonyms are invalid");
const { variantsOf } = synonyms.value;
const canonical = viewOf("canonical", synonyms.value);
const training = rows("train.csv").map(({ input_finding = "", output_disease = "" }) => {
  const raw = splitLabels(output_disease, ",");
  return { input: input_finding, raw, labels: viewLabels(raw, canonical) };
});
const inputs = new Map(rows("test.csv").map(({ case_id = "", input_finding = "" }) => [case_id, input_finding]));
const inputOf = (id: string | undefined): string => inputs.get(id ?? "") ?? "";
const sentences = sentenceFinder(training);
const { quotes } = causeFinder({
  ...{ compared: new Map(), inputs, training, sentences, namesOf: variantsOf, seed: 1 },
  targets: training.map(({ raw }) => raw),
  parts: (value) => viewLabels(value as string[], canonical),
});

/** The share of right quotes among all, and of labels with a quote, over the gold labels of the test rows. */
function measured(quote: (input: string, label: string) => string | undefined) {
  const truth = rows("evidence.csv");
  expect(truth.length).toBeGreaterThan(500);
  let right = 0;
  let quoted = 0;
  for (const { case_id, label = "", sentence = "" } of truth) {
    const found = quote(inputOf(case_id), canonical(label));
    if (found === undefined) continue;
    quoted++;
    if (found.includes(sentence.trim())) right++;
  }
  return { right: right / quoted, quoted: quoted / truth.length };
}

test("of the sentences by likely words, 97 % state the label; 84 % of the labels have one", () => {
  const { right, quoted } = measured(sentences.quote);
  expect(right).toBeGreaterThan(0.97);
  expect(quoted).toBeGreaterThan(0.84);
});

test("of the quotes of gold labels, 99 % are right; 94 % of the labels have one", () => {
  const { right, quoted } = measured((input, label) => quotes.stated(input, label)?.sentence);
  expect(right).toBeGreaterThan(0.99);
  expect(quoted).toBeGreaterThan(0.94);
  const normal = "no significant abnormality";
  expect([...inputs.values()].map((input) => quotes.stated(input, normal)?.sentence).filter(Boolean)).toEqual([]);
});

test("the quote of an added label mentions it", () => {
  const names = new Set(training.flatMap(({ labels }) => labels));
  const mentions = rows("mentions.csv").map((one) => ({ ...one, label: canonical(one.label ?? "") }));
  const sentencesOfLabel = new Map<string, string[]>();
  for (const { case_id, label, sentence = "" } of mentions as readonly Record<string, string>[]) {
    const key = `${case_id} ${label}`;
    sentencesOfLabel.set(key, [...(sentencesOfLabel.get(key) ?? []), sentence]);
  }
  const gold = new Set(rows("evidence.csv").map(({ case_id, label = "" }) => `${case_id} ${canonical(label)}`));
  let right = 0;
  let quoted = 0;
  for (const id of inputs.keys()) {
    for (const label of names) {
      const key = `${id} ${label}`;
      const found = gold.has(key) ? undefined : quotes.named(inputOf(id), label)?.sentence;
      if (found === undefined) continue;
      quoted++;
      if (sentencesOfLabel.get(key)?.some((sentence) => found.includes(sentence.trim()))) right++;
    }
  }
  expect(quoted).toBeGreaterThan(500);
  expect(right / quoted).toBeGreaterThan(0.9);
});
