/** Scores of labels from a language model, from the experiment's file to new rows. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import type { ArmMetrics, Decision, EnsembleChoice } from "../pipeline/result-files.ts";
import type { Rig } from "./rig.ts";
import { test } from "./rig.ts";

const file = "experiments/scored.yaml";

function prepare(rig: Rig): void {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  rig.write(
    file,
    `name: scored
data:
  train: {file: data/train.csv}
  validation: {fraction: 0.3}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
model: {base: ../models/tiny}
prompt: {template: prompts/ask.hbs}
generate: {engine: transformers, precision: 32bit, max_new_tokens: 12, scores: labels, decision: threshold}
evaluate: {metrics: [micro_f1, map]}
baselines: [tfidf_svm, ensemble]
resources: {gpus: 0}
`,
  );
}

type Line = { readonly id: string; readonly labels: readonly string[]; readonly margins: Record<string, number> };
const lines = (path: string): readonly Line[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

test("labels above a threshold of validation rows are the prediction, of the run and of new rows", async ({ rig }) => {
  prepare(rig);
  const first = await rig.build(file);
  const folder = dirname(first.manifest);
  const inRun = (path: string): string => rig.path(join(folder, path));
  const decision = rig.readJson(join(folder, "zero_shot/decision.json")) as Decision;
  expect(decision.validation).toMatchObject({ n: 14 });
  expect(decision.validation.micro_f1).toBeGreaterThan(decision.validation.answer);

  const scores = new Map(lines(inRun("zero_shot/margins.jsonl")).map(({ id, margins }) => [id, margins]));
  const decided = lines(inRun("zero_shot/predictions.jsonl"));
  for (const { id, labels, margins } of decided) {
    const above = Object.entries(margins).filter(([, margin]) => (margin + 1) / 2 > decision.threshold);
    expect(labels.toSorted()).toEqual(above.map(([label]) => label).sort());
    for (const [label, margin] of Object.entries(scores.get(id) ?? {}))
      expect((1 - decision.weight) * ((margin + 1) / 2)).toBeLessThanOrEqual(((margins[label] ?? -1) + 1) / 2 + 1e-6);
  }
  for (const arm of ["zero_shot", "tfidf_svm", "ensemble"]) {
    const { views } = rig.readJson(join(folder, arm, "metrics.json")) as ArmMetrics;
    expect(views.canonical.map).toBeGreaterThan(0);
  }
  const { named, weight } = rig.readJson(join(folder, "ensemble/ensemble.json")) as EnsembleChoice;
  expect(weight === 0 || typeof named === "number").toBe(true);

  const { stdout } = await rig.exp("show", "scored");
  expect(stdout).toMatch(/Decision\n.*score above/);
  expect(stdout).toContain("14 validation rows");

  const again = await rig.build(file);
  expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));

  // The answers do not depend on what is made of them.
  const plain = await rig.build(file, "--set", "generate.decision=answer", "--set", "name=plain");
  expect(plain.steps).toMatchObject({ "generate.zero_shot": "reused", "evaluate.zero_shot": "built" });
  expect(plain.steps).not.toHaveProperty("decide.zero_shot");

  const asked = readFileSync(rig.path("experiments/data/test.csv"), "utf8");
  rig.write("new.csv", asked.replaceAll(/^test-/gm, "new-"));
  const predicted = await rig.exp("predict", "scored", "new.csv");
  expect(predicted.code, predicted.stderr).toBe(0);
  const given = predicted.stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { readonly prediction: readonly string[] }).prediction);
  expect(given).toEqual(decided.map(({ labels }) => labels));
});

test("validation rows that are scored are decided by thresholds of other folds", async ({ rig }) => {
  prepare(rig);
  const set = ["evaluate.split=validation", "baselines=[]", "report.xlsx=false"].flatMap((key) => ["--set", key]);
  const run = await rig.build(file, ...set);
  expect(run.steps).not.toHaveProperty("generate.zero_shot@validation");
  const record = rig.readJson(run.manifest) as { steps: Record<string, { evidence: Record<string, unknown> }> };
  expect(record.steps["decide.zero_shot"]?.evidence).toMatchObject({ folds: 5, validation: 14 });
});
