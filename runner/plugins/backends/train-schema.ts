import { classifiers } from "../classical-baselines.ts";
import { checkpointMetrics, methods } from "./methods.ts";

/**
 * The keys of `train` that mean the same to every backend. A backend's schema adds `backend` and may narrow the others.
 */
export const trainProperties = {
  method: {
    type: "string",
    enum: methods,
    default: "lora",
    description:
      "What is trained: a low-rank adapter (lora, dora), an adapter on a 4-bit base (qlora, qdora), or all weights (full).",
    examples: ["lora", "qlora"],
  },
  rank: { type: "integer", minimum: 1, maximum: 1024, default: 16, description: "Rank of the adapter.", examples: [8] },
  alpha: {
    type: "number",
    exclusiveMinimum: 0,
    description:
      "Scale of the adapter: its output is multiplied by alpha / rank. Set this or alpha_ratio. Default: alpha_ratio 2.",
    examples: [32],
  },
  alpha_ratio: {
    type: "number",
    exclusiveMinimum: 0,
    description:
      "alpha as a multiple of rank, in place of alpha. It keeps the scale constant in a sweep over train.rank.",
    examples: [2],
  },
  rslora: {
    type: "boolean",
    default: false,
    description: "Rank-stabilised LoRA: multiply the adapter's output by alpha / sqrt(rank) in place of alpha / rank.",
    examples: [true],
  },
  dropout: {
    type: "number",
    minimum: 0,
    exclusiveMaximum: 1,
    default: 0.05,
    description: "Dropout probability in the adapter.",
    examples: [0.1],
  },
  targets: {
    anyOf: [
      { type: "string", const: "all-linear" },
      {
        type: "array",
        minItems: 1,
        uniqueItems: true,
        items: {
          type: "string",
          // Phi-3 has qkv_proj and gate_up_proj in place of five others.
          enum: [
            "q_proj",
            "k_proj",
            "v_proj",
            "qkv_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "gate_up_proj",
            "down_proj",
          ],
        },
      },
    ],
    default: "all-linear",
    description:
      "Projections that get an adapter: all linear layers of the decoder, or a list of those that the model has.",
    examples: [["q_proj", "v_proj"]],
  },
  layers: {
    type: "string",
    pattern: "^(all|last [1-9][0-9]*)$",
    default: "all",
    description: 'Decoder blocks that get an adapter: "all", or "last N" for the N blocks nearest the output.',
    examples: ["last 10"],
  },
  epochs: {
    type: "integer",
    minimum: 1,
    default: 3,
    description: "Number of passes over the training rows.",
    examples: [5],
  },
  max_steps: {
    type: "integer",
    minimum: 1,
    description: "Stop after this number of optimiser steps. Absent: no limit.",
    examples: [100],
  },
  batch_size: {
    type: "integer",
    minimum: 1,
    default: 4,
    description: "Rows in one forward pass.",
    examples: [8],
  },
  gradient_accumulation: {
    type: "integer",
    minimum: 1,
    default: 4,
    description:
      "Forward passes in one optimiser step, which uses batch_size times this number of rows. The last step of an epoch uses the rows that remain: 13 rows at 4 x 3 are two steps. Several GPUs divide the passes among themselves.",
    examples: [2],
  },
  learning_rate: {
    type: "number",
    exclusiveMinimum: 0,
    default: 2e-4,
    description: "Learning rate after the warm-up, which is its maximum.",
    examples: [1e-4],
  },
  schedule: {
    type: "string",
    enum: ["cosine", "linear", "constant"],
    default: "cosine",
    description: "How the learning rate decreases after the warm-up.",
    examples: ["linear"],
  },
  warmup_ratio: {
    type: "number",
    minimum: 0,
    maximum: 1,
    default: 0.05,
    description: "Share of the optimiser steps during which the learning rate increases.",
    examples: [0.1],
  },
  optimizer: { type: "string", enum: ["adamw"], default: "adamw", description: "Optimiser.", examples: ["adamw"] },
  weight_decay: {
    type: "number",
    minimum: 0,
    default: 0.01,
    description: "Weight decay of the optimiser.",
    examples: [0],
  },
  clip_grad_norm: {
    type: "number",
    exclusiveMinimum: 0,
    default: 1,
    description: "Maximum norm of the gradients; larger gradients are scaled down to it.",
    examples: [0.3],
  },
  neftune_alpha: {
    type: "number",
    minimum: 0,
    description:
      "Noise on the embeddings of training rows (NEFTune): uniform in -1 to 1, times alpha / sqrt(tokens of the row x width of an embedding). Usual values are 5 to 15. 0 or absent: none.",
    examples: [5],
  },
  sample_weights: {
    type: "string",
    minLength: 1,
    description:
      "Column with the weight of each training row in the loss: 0 or more. A row of weight 0 counts as absent, and one of weight 2 as two rows. Absent: every row has weight 1.",
    examples: ["weight"],
  },
  suspects: {
    type: "object",
    additionalProperties: false,
    required: ["weight"],
    properties: {
      weight: {
        type: "number",
        minimum: 0,
        exclusiveMaximum: 1,
        description: "Factor of the weight of a row with a suspected label error. 0: the row counts as absent.",
        examples: [0.5],
      },
      errors: {
        type: "string",
        enum: ["wrong", "missing", "any"],
        default: "wrong",
        description: "Errors that count: a label that is probably wrong, one that is probably missing, or both.",
        examples: ["any"],
      },
      from: {
        type: "string",
        enum: classifiers,
        default: "linear",
        description:
          "Classical baseline that suspects errors. It need not be among `baselines`. linear is more accurate, and takes ten times as long.",
        examples: ["tfidf_svm"],
      },
    },
    description:
      "Lower the weight of training rows with suspected label errors in the loss. `exp data FILE --suspects` lists the errors. The score of a row is from a classifier that is fitted without the row, and only training rows are read. Absent: no row.",
    examples: [{ weight: 0.5 }],
  },
  max_length: {
    type: "integer",
    minimum: 16,
    default: 1024,
    description:
      "Maximum tokens of a training row, prompt and answer together. A longer row is an error in preflight; no row is truncated.",
    examples: [2048],
  },
  precision: {
    type: "string",
    enum: ["auto", "bf16", "fp16", "fp32"],
    default: "auto",
    description: "Number format of the computation. auto selects it from the compute capability of the device.",
    examples: ["bf16"],
  },
  seed: {
    type: "integer",
    minimum: 0,
    maximum: 4294967295,
    default: 42,
    description: "Seed of the adapter's initial weights and of the order of the rows.",
    examples: [1],
  },
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
            enum: checkpointMetrics,
            description: "Metric on validation rows, computed after each epoch, that selects the checkpoint.",
            examples: ["micro_f1"],
          },
        },
      },
      {
        type: "object",
        additionalProperties: false,
        required: ["average"],
        properties: {
          average: {
            type: "integer",
            minimum: 2,
            description: "Number of last epochs whose weights are averaged; at most epochs.",
            examples: [3],
          },
        },
      },
    ],
    default: "last",
    description:
      "Weights that become the trained model: last, {best: METRIC} by a metric on validation rows, or {average: K}: the mean of the weights after each of the last K epochs.",
    examples: [{ best: "loss" }],
  },
  early_stopping: {
    type: "object",
    additionalProperties: false,
    properties: {
      patience: {
        type: "integer",
        minimum: 1,
        default: 2,
        description: "Epochs without improvement on validation rows before the training stops.",
        examples: [3],
      },
    },
    description: "Stop the training when the result on validation rows no longer improves. Absent: train all epochs.",
    examples: [{ patience: 2 }],
  },
  checkpoint: {
    type: "object",
    additionalProperties: false,
    properties: {
      every_steps: {
        type: "integer",
        minimum: 1,
        default: 25,
        description: "Optimiser steps between two checkpoints.",
        examples: [100],
      },
      keep: { type: "integer", minimum: 1, default: 2, description: "Number of checkpoints to keep.", examples: [1] },
    },
    default: {},
    description: "Checkpoints from which an interrupted training resumes. They are not stored as results.",
    examples: [{ every_steps: 50 }],
  },
  samples: {
    type: "object",
    additionalProperties: false,
    properties: {
      rows: {
        type: "integer",
        minimum: 1,
        default: 4,
        description: "Number of validation rows to answer.",
        examples: [8],
      },
      every: { type: "string", enum: ["epoch"], default: "epoch", description: "How often.", examples: ["epoch"] },
    },
    description: "Record the model's answers to some validation rows during the training. Absent: none.",
    examples: [{ rows: 8 }],
  },
  report_to: {
    type: "array",
    uniqueItems: true,
    items: { type: "string", enum: ["tensorboard", "wandb", "mlflow", "trackio"] },
    default: ["tensorboard"],
    description:
      "Trackers that record loss, learning rate and validation results, as local files. wandb, mlflow and trackio need their packages in the backend's environment and stay offline. exp show names their runs.",
    examples: [[], ["tensorboard", "wandb"]],
  },
  merge: {
    type: "boolean",
    default: false,
    description:
      "Also write a model with the adapter merged into the base. Automatic if the upload or the engine needs it.",
    examples: [true],
  },
  overrides: {
    type: "object",
    default: {},
    description:
      "Keys of the backend's own configuration, dotted or nested. They are checked against the keys of the locked version.",
    examples: [{ "optimizer.fused": true }],
  },
} as const;
