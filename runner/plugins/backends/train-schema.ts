import { methods } from "./backend.ts";

/** The keys of `train` that mean the same to every backend. A backend adds its tag and narrows what it must. */
export const trainProperties = {
  method: {
    type: "string",
    enum: methods,
    default: "lora",
    description:
      "What is trained: a low-rank adapter (lora, dora), one on a 4-bit base (qlora, qdora), or all weights.",
  },
  rank: { type: "integer", minimum: 1, maximum: 1024, default: 16, description: "Rank of the adapter." },
  alpha: {
    type: "number",
    exclusiveMinimum: 0,
    description: "Scale of the adapter: it counts alpha / rank. Give this or alpha_ratio. Default: alpha_ratio 2.",
  },
  alpha_ratio: {
    type: "number",
    exclusiveMinimum: 0,
    description: "alpha as a multiple of rank, so that a sweep over rank is not a sweep over scale. Instead of alpha.",
  },
  rslora: {
    type: "boolean",
    default: false,
    description: "Rank-stabilised scale: the adapter counts alpha / sqrt(rank) instead of alpha / rank.",
  },
  dropout: { type: "number", minimum: 0, exclusiveMaximum: 1, default: 0.05, description: "Dropout in the adapter." },
  targets: {
    anyOf: [
      { type: "string", const: "all-linear" },
      {
        type: "array",
        minItems: 1,
        uniqueItems: true,
        items: {
          type: "string",
          enum: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        },
      },
    ],
    default: "all-linear",
    description: "Layers that get an adapter: all-linear, or a list of projections such as [q_proj, v_proj].",
  },
  layers: {
    type: "string",
    pattern: "^(all|last [1-9][0-9]*)$",
    default: "all",
    description: 'Blocks that get an adapter: "all", or "last 10" for those nearest the output.',
  },
  epochs: { type: "integer", minimum: 1, default: 3, description: "Passes over the training rows." },
  max_steps: { type: "integer", minimum: 1, description: "Stop after so many optimiser steps. Absent: no limit." },
  batch_size: { type: "integer", minimum: 1, default: 4, description: "Rows in one forward pass." },
  gradient_accumulation: {
    type: "integer",
    minimum: 1,
    default: 4,
    description:
      "Forward passes in one optimiser step: batch_size times this many rows are learnt from at once. Several GPUs share them.",
  },
  learning_rate: { type: "number", exclusiveMinimum: 0, default: 2e-4, description: "Highest learning rate." },
  schedule: {
    type: "string",
    enum: ["cosine", "linear", "constant"],
    default: "cosine",
    description: "How the learning rate goes on after the warm-up.",
  },
  warmup_ratio: {
    type: "number",
    minimum: 0,
    maximum: 1,
    default: 0.05,
    description: "Share of the steps in which the learning rate rises.",
  },
  optimizer: { type: "string", enum: ["adamw"], default: "adamw", description: "Optimiser." },
  weight_decay: { type: "number", minimum: 0, default: 0.01, description: "Weight decay of the optimiser." },
  clip_grad_norm: {
    type: "number",
    exclusiveMinimum: 0,
    default: 1,
    description: "Gradients are clipped to this norm.",
  },
  max_length: {
    type: "integer",
    minimum: 16,
    default: 1024,
    description: "Longest row in tokens, prompt and answer. A longer row is an error before the training, never cut.",
  },
  precision: {
    type: "string",
    enum: ["auto", "bf16", "fp16", "fp32"],
    default: "auto",
    description: "Number format of the training; auto goes by the compute capability of the device.",
  },
  seed: { type: "integer", minimum: 0, maximum: 4294967295, default: 42, description: "Seed of weights and order." },
  keep: {
    anyOf: [
      { type: "string", const: "last" },
      {
        type: "object",
        additionalProperties: false,
        required: ["best"],
        properties: {
          best: {
            type: "string",
            enum: ["loss", "micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"],
            description: "Chosen on validation, once an epoch.",
          },
        },
      },
    ],
    default: "last",
    description: "Which checkpoint becomes the model: last, or {best: loss} on validation.",
  },
  early_stopping: {
    type: "object",
    additionalProperties: false,
    properties: {
      patience: {
        type: "integer",
        minimum: 1,
        default: 2,
        description: "Epochs without a better validation result before the training ends.",
      },
    },
    description: "End the training when validation no longer gets better. Absent: all epochs.",
  },
  checkpoint: {
    type: "object",
    additionalProperties: false,
    properties: {
      every_steps: {
        type: "integer",
        minimum: 1,
        default: 25,
        description: "Optimiser steps between two points that an interrupted training can go on from.",
      },
      keep: { type: "integer", minimum: 1, default: 2, description: "How many of them are kept at a time." },
    },
    default: {},
    description: "Points that an interrupted training goes on from. They never enter the store.",
  },
  samples: {
    type: "object",
    additionalProperties: false,
    properties: {
      rows: { type: "integer", minimum: 1, default: 4, description: "Validation rows that are answered." },
      every: { type: "string", enum: ["epoch"], default: "epoch", description: "How often." },
    },
    description: "What the model says while it trains. Absent: nothing is generated.",
  },
  report_to: {
    type: "array",
    uniqueItems: true,
    items: { type: "string", enum: ["tensorboard", "wandb", "mlflow"] },
    default: ["tensorboard"],
    description:
      "Who is told of loss, learning rate and validation. tensorboard writes local files; wandb and mlflow need their packages in the backend's environment, and stay offline.",
  },
  merge: {
    type: "boolean",
    default: false,
    description: "Also make one model of base and adapter. Done by itself where the upload or the engine needs it.",
  },
  overrides: {
    type: "object",
    default: {},
    description: "The backend's own keys, dotted or nested, checked against the list of keys of the locked version.",
  },
} as const;
