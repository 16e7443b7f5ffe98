import { hasRows } from "../plugins/data-part.ts";
import type { Experiment } from "../plugins/experiment.ts";

/** Number of training rows, and maximum number of evaluated rows. */
const rows = 20;
/** Optimiser steps. */
const steps = 5;
/** Maximum tokens of an answer. */
const newTokens = 32;
/** Bootstrap resamples: the minimum of the schema. */
const resamples = 100;
/** Minimum share of validation rows. A tenth of 20 rows would be two. */
const validated = 0.2;
/** Steps between checkpoints: few, so that a smoke run also tests checkpoints. */
const everySteps = 2;

/** Suffix of the name of a smoke run. The schema does not allow "+" in a name, so no real run has it. */
const mark = "+smoke";

/** Whether a name is that of a smoke run. */
export const isSmoke = (name: string): boolean => name.endsWith(mark);

/** The notice for every output with numbers of a smoke run. */
export const smokeWarning = (name: string): string =>
  `Smoke run: ${name} uses ${rows} rows and ${steps} training steps, so its scores are not results.`;

/**
 * The experiment reduced to 20 rows and 5 training steps, to run every step of the plan in minutes. It has another name, and its
 * steps have other cache keys. Nothing is uploaded. The scores are not results.
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
      // In 20 rows hardly any label reaches the real minimum, and the template may need labels.
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
  return hasRows(validation) ? limited(validation, rows) : validation;
}

/** Enough epochs for 5 steps. A step uses at most all rows. */
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
