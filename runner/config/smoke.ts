import type { Experiment } from "./schema.ts";

/** Rows that a smoke run trains on, and at most answers. */
const rows = 20;
/** Optimiser steps of its training. */
const steps = 5;
/** Longest answer, in tokens. */
const newTokens = 32;
/** Samples of its bootstrap: the fewest that the schema allows. */
const resamples = 100;
/** Share of the training rows that validates at least: of so few rows, the usual tenth would be two. */
const validated = 0.2;
/** Points to go on from are written often, so that they are tried too. */
const everySteps = 2;

/** Stands in no name that a file can give, so that a smoke run is never taken for a real one. */
const mark = "+smoke";

/** Whether an experiment's name is that of its smoke run. */
export const isSmoke = (name: string): boolean => name.endsWith(mark);

/** The notice for every output with numbers of a smoke run. */
export const smokeWarning = (name: string): string =>
  `Smoke run: ${name} uses ${rows} rows and ${steps} training steps, so its scores are not results.`;

/**
 * The same experiment on 20 rows for 5 steps: every step of its DAG in minutes, under another name and, since what a step
 * reads of it differs, under other keys. Nothing is uploaded. Its numbers mean nothing.
 */
export function smoke(experiment: Experiment): Experiment {
  const { upload: _upload, ...kept } = experiment;
  const { data, prompt, train, generate, evaluate } = kept;
  const { fraction: share, folds } = data.validation ?? {};
  const fraction = share !== undefined ? Math.max(share, validated) : folds !== undefined ? 1 / folds : 0;
  const small = {
    ...kept,
    name: `${kept.name}${mark}`,
    data: {
      ...data,
      train: limited(data.train, Math.ceil(rows / (1 - fraction))),
      ...(data.test === undefined ? {} : { test: limited(data.test, rows) }),
      ...(data.validation === undefined ? {} : { validation: smallValidation(data.validation, fraction) }),
    },
    prompt: {
      ...prompt,
      // Of 20 rows hardly a label would pass the real bound, and a template may count on some.
      ...(prompt.labels === undefined ? {} : { labels: { ...prompt.labels, min_count: 1 } }),
      examples: { ...prompt.examples, count: Math.min(prompt.examples.count, rows / 4) },
    },
    ...(train === undefined ? {} : { train: smallTrain(train) }),
    generate: smallGenerate(generate),
    evaluate: {
      ...evaluate,
      bootstrap: { ...evaluate.bootstrap, resamples: Math.min(evaluate.bootstrap.resamples, resamples) },
    },
  };
  return deepFreeze(small) as Experiment;
}

function limited<T extends { readonly limit?: number | undefined }>(file: T, most: number): T {
  return { ...file, limit: Math.min(file.limit ?? most, most) };
}

function smallValidation(validation: NonNullable<Experiment["data"]["validation"]>, fraction: number) {
  if (validation.fraction !== undefined) return { ...validation, fraction };
  return validation.file === undefined ? validation : limited(validation, rows);
}

/** As many epochs as make 5 steps; a step takes no more rows than there are. */
function smallTrain(train: NonNullable<Experiment["train"]>) {
  const batch_size = Math.min(train.batch_size, rows);
  const gradient_accumulation = Math.min(train.gradient_accumulation, Math.max(1, Math.floor(rows / batch_size)));
  const epochs = Math.ceil(steps / Math.floor(rows / (batch_size * gradient_accumulation)));
  const checkpoint = { ...train.checkpoint, every_steps: Math.min(train.checkpoint.every_steps, everySteps) };
  return {
    ...train,
    batch_size,
    gradient_accumulation,
    epochs,
    max_steps: Math.min(train.max_steps ?? steps, steps),
    checkpoint,
  };
}

function smallGenerate(generate: Experiment["generate"]) {
  const { max_new_tokens, vote } = generate;
  return {
    ...generate,
    ...(max_new_tokens === undefined ? {} : { max_new_tokens: Math.min(max_new_tokens, newTokens) }),
    ...(vote === undefined ? {} : { vote: { ...vote, samples: 2 } }),
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    if (Object.isFrozen(value)) return value;
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
