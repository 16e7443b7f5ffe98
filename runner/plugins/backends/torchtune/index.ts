import keys from "../../../../recipes/torchtune/keys.json" with { type: "json" };
import type { Backend } from "../backend.ts";
import { trainProperties } from "../train-schema.ts";

/** `train` with torchtune: the default backend, every method on CPU and GPU, but not in fp16. */
export const torchtuneSchema = {
  type: "object",
  additionalProperties: false,
  required: ["backend"],
  properties: {
    backend: { type: "string", const: "torchtune", description: "torchtune 0.6.1 with the recipes of this package." },
    ...trainProperties,
  },
} as const;

/** torchtune 0.6.1 as the recipes drive it. */
export const torchtune: Backend = {
  name: "torchtune",
  schema: torchtuneSchema,
  habits: { checkpointing: ["cuda"], allLogits: false },
  capabilities: {
    methods: {
      lora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      dora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      qlora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      qdora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      full: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
    },
    instead: {},
    keepsReports: true,
    oneGpu: ["qlora", "qdora"],
    schedules: ["cosine", "linear", "constant"],
    best: ["loss", "micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"],
    earlyStopping: true,
    samples: true,
    overrides: keys,
    decided: {
      batch_size: "train.batch_size",
      clip_grad_norm: "train.clip_grad_norm",
      dtype: "train.precision",
      epochs: "train.epochs",
      gradient_accumulation_steps: "train.gradient_accumulation",
      max_steps: "train.max_steps",
      max_steps_per_epoch: "train.max_steps",
      "model.apply_lora_to_mlp": "train.targets",
      "model.lora_alpha": "train.alpha",
      "model.lora_attn_modules": "train.targets",
      "model.lora_dropout": "train.dropout",
      "model.lora_rank": "train.rank",
      "model.quantize_base": "train.method",
      "model.use_dora": "train.method",
      metric_logger: "train.report_to",
      "optimizer.lr": "train.learning_rate",
      "optimizer.weight_decay": "train.weight_decay",
      seed: "train.seed",
      "tokenizer.max_seq_len": "train.max_length",
    },
  },
};
