/** The sentences that the error analysis quotes, against the true ones that the generator of the shipped study records. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "csv-parse/sync";
import { expect, test } from "vitest";
import { splitLabels } from "../data/labels/split.ts";
import { parseSynonyms } from "../data/labels/synonyms.ts";
import { viewLabels, viewOf } from "../data/labels/views.ts";
import { sentenceFinder } from "../evaluation/error-analysis/sentence.ts";

const experiments = fileURLToPath(new URL("../../experiments/", import.meta.url));
const rows = (name: string): Record<string, string>[] =>
  parse(readFileSync(`${experiments}data/${name}`), { columns: true });

test("of the quoted sentences, 97 % state the label; 84 % of the labels have a quote", () => {
  const path = `${experiments}labels/synonyms.yaml`;
  const synonyms = parseSynonyms({ path, text: readFileSync(path, "utf8") });
  if (!synonyms.ok) throw new Error("the synonyms are invalid");
  const canonical = viewOf("canonical", synonyms.value);
  const training = rows("train.csv").map(({ input_finding = "", output_disease = "" }) => ({
    input: input_finding,
    labels: viewLabels(splitLabels(output_disease, ","), canonical),
  }));
  const inputs = new Map(rows("test.csv").map(({ case_id, input_finding = "" }) => [case_id, input_finding]));
  const find = sentenceFinder(training);
  const truth = rows("evidence.csv");
  expect(truth.length).toBeGreaterThan(500);
  let right = 0;
  let quoted = 0;
  for (const { case_id, label = "", sentence = "" } of truth) {
    const found = find.quote(inputs.get(case_id) ?? "", canonical(label));
    if (found === undefined) continue;
    quoted++;
    if (found.includes(sentence.trim())) right++;
  }
  expect(right / quoted).toBeGreaterThan(0.97);
  expect(quoted / truth.length).toBeGreaterThan(0.84);
});
