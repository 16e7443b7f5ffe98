import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Steps of one point of a replayed sweep: data, generate, evaluate, analyse. */
export const stepsPerPoint = 4;

const labels = ["cyst", "adenoma", "hernia", "calculus", "oedema", "abscess", "polyp", "stenosis"];

/**
 * Adds a sweep of trainings to the study of `makeStudy`, as a user writes one: with baselines, over learning rate, rank and seed.
 * Returns its file, relative to the folder.
 */
export function makeTrainings(folder, { learningRates, ranks, seeds }) {
  const upTo = (count, scale = 1) => Array.from({ length: count }, (_, at) => (at + 1) * scale);
  writeFileSync(
    join(folder, "experiments", "trainings.yaml"),
    `name: trainings
data:
  train: {file: train.csv}
  test: {file: test.csv}
  columns: {id: id, input: input, target: target}
model: {base: smollm2-135m}
prompt: {template: prompts/plain.hbs}
train: {method: lora, epochs: 1}
sweep:
  grid:
    train.learning_rate: [${upTo(learningRates, 0.0001).map((rate) => rate.toFixed(4))}]
    train.rank: [${upTo(ranks)}]
    train.seed: [${upTo(seeds)}]
`,
  );
  return "experiments/trainings.yaml";
}

/**
 * Writes a study with recorded answers: a sweep over the seed of the training rows. Each point has four steps of its own, and
 * none of them starts a process. Returns the experiment's file, relative to the folder.
 */
export function makeStudy(folder, { points, rows = 40, cases = 20 }) {
  const files = join(folder, "experiments");
  mkdirSync(files, { recursive: true });
  mkdirSync(join(folder, "prompts"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private": true}\n');
  writeFileSync(join(folder, "prompts", "plain.hbs"), "{{#user}}{{input}}{{/user}}\n");
  const made = (name, count) => Array.from({ length: count }, (_, index) => [`${name}${index}`, index]);
  const of = (index) => [labels[index % 8], labels[(index * 3 + 1) % 8], labels[(index * 5 + 2) % 8]];
  const answer = (index) => [...new Set(of(index))].slice(0, 1 + (index % 3)).join(", ");
  const csv = (name, count) =>
    `id,input,target\n${made(name, count)
      .map(([id, index]) => `${id},text ${id} about case ${index},"${answer(index)}"\n`)
      .join("")}`;
  writeFileSync(join(files, "train.csv"), csv("train", rows));
  writeFileSync(join(files, "test.csv"), csv("test", cases));
  const replayed = made("test", cases).map(([id, index]) => `${JSON.stringify({ id, text: answer(index >> 1) })}\n`);
  writeFileSync(join(files, "answers.jsonl"), replayed.join(""));
  const seeds = Array.from({ length: points }, (_, seed) => seed);
  writeFileSync(
    join(files, "sweep.yaml"),
    `name: sweep
data:
  train: {file: train.csv, limit: ${Math.ceil(rows * 0.75)}}
  test: {file: test.csv}
  columns: {id: id, input: input, target: target}
model: {base: smollm2-135m}
prompt: {template: prompts/plain.hbs}
generate: {engine: replay, file: answers.jsonl}
evaluate: {bootstrap: {resamples: 100}}    # what a step costs the runner is measured, not statistics
baselines: []
report: {xlsx: false}
sweep:
  grid: {data.train.seed: [${seeds.join(", ")}]}
`,
  );
  return "experiments/sweep.yaml";
}
