import { expect, test } from "vitest";
import type { Experiment } from "../plugins/experiment.ts";
import { loadText } from "./rig.ts";
import { isSmoke } from "./smoke.ts";

const study = `name: big
extends: base.yaml
data:
  test: {file: data/test.csv, limit: 7}
  validation: {fraction: 0.1}
prompt: {labels: {min_count: 10}}
train: {method: lora, batch_size: 4, gradient_accumulation: 8, epochs: 1, learning_rate: 1.0e-3}
generate: {max_new_tokens: 512}
upload: {repo: me/big}
`;

const more = {
  "/study/experiments/data/answers.jsonl": '{"id":"1","text":"x"}',
  "/study/experiments/data/valid.csv": "case_id,input_finding,output_disease\n2,Stone.,Stone\n",
};

function points(text: string, smoke = true): readonly Experiment[] {
  const loaded = loadText(text, { smoke, files: more });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  return loaded.value.points.map(({ experiment }) => experiment);
}
const only = (text: string): Experiment => points(text)[0] as Experiment;

test("limits rows, steps and answers, and keeps smaller limits", () => {
  const { data, train, generate, evaluate, prompt } = only(study);
  expect(data.train.limit).toBe(25);
  expect(data.validation).toMatchObject({ fraction: 0.2, seed: 13 });
  expect(data.test).toMatchObject({ limit: 7, seed: 1 });
  expect(train).toMatchObject({
    batch_size: 4,
    gradient_accumulation: 5,
    epochs: 5,
    max_steps: 5,
    learning_rate: 1e-3,
  });
  expect(train?.checkpoint).toEqual({ every_steps: 2, keep: 2 });
  expect(generate).toMatchObject({ max_new_tokens: 32 });
  expect(evaluate.bootstrap.resamples).toBe(100);
  expect(prompt).toMatchObject({ labels: { min_count: 1 } });
});

test("keeps enough rows for each optimiser step at any batch size", () => {
  for (const batch of [1, 3, 4, 7, 16, 20, 64]) {
    for (const accumulation of [1, 2, 5, 32]) {
      const { train } = only(
        study.replace(
          "batch_size: 4, gradient_accumulation: 8",
          `batch_size: ${batch}, gradient_accumulation: ${accumulation}`,
        ),
      );
      const { batch_size = 0, gradient_accumulation = 0, epochs = 0 } = train ?? {};
      const each = batch_size * gradient_accumulation;
      expect(each).toBeLessThanOrEqual(20);
      expect(epochs * Math.floor(20 / each)).toBeGreaterThanOrEqual(5);
    }
  }
});

test("removes the upload and takes a name that no file can have", () => {
  const smoke = only(study);
  expect(smoke).not.toHaveProperty("upload");
  expect(smoke.name).toBe("big+smoke");
  expect(isSmoke(smoke.name)).toBe(true);
  expect(loadText(study.replace("name: big", "name: big+smoke")).ok).toBe(false);
});

test("checks the experiment as it is written", () => {
  expect(loadText(study.replace("epochs: 1", "epochs: 0"), { smoke: true }).ok).toBe(false);
});

test("applies to each point of a sweep, and limits a validation file", () => {
  const sweep = `${study}sweep: {grid: {train.rank: [4, 8]}}\n`;
  expect(points(sweep).map(({ name, train }) => [name, train?.rank, train?.max_steps])).toEqual([
    ["big+smoke", 4, 5],
    ["big+smoke", 8, 5],
  ]);
  const file = study.replace("{fraction: 0.1}", "{file: data/valid.csv}").replace(/ {2}test: .*\n/, "");
  expect(only(file).data.validation).toMatchObject({ limit: 20 });
  expect(only(file).data.train.limit).toBe(20);
});

test("limits only the rows of a replayed experiment without training", () => {
  const smoke = only("name: small\nextends: base.yaml\ngenerate: {engine: replay, file: data/answers.jsonl}\n");
  expect(smoke).toMatchObject({ generate: { engine: "replay" }, data: { test: { limit: 20 } } });
  expect(smoke).not.toHaveProperty("train");
});

test("returns a deeply frozen experiment", () => {
  const isFrozen = (value: unknown): boolean =>
    typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
  expect(isFrozen(only(study))).toBe(true);
});

test("checks compared experiments as they are written, and limits them too", () => {
  const files = { ...more, "/study/experiments/other.yaml": "name: other\nextends: base.yaml\n" };
  const loaded = loadText("name: one\nextends: base.yaml\ncompare: [other]\n", { smoke: true, files });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  const [point] = loaded.value.points;
  expect(point?.compared.map(({ name, data }) => [name, data.test?.limit])).toEqual([["other+smoke", 20]]);
});
