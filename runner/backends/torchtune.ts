import keys from "../../recipes/torchtune/keys.json" with { type: "json" };
import type { Backend } from "./backend.ts";
import { trainProperties } from "./train.ts";

/** `train` with torchtune: the default backend, LoRA and DoRA on CPU and GPU. */
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
      qlora: {},
      qdora: {},
      full: {},
    },
    instead: {
      qlora: "use method: lora on a smaller model, or with fewer layers",
      qdora: "use method: dora on a smaller model, or with fewer layers",
      full: "use method: lora with a high rank",
    },
    schedules: ["cosine", "linear", "constant"],
    best: ["loss"],
    earlyStopping: true,
    samples: false,
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
      "model.use_dora": "train.method",
      "optimizer.lr": "train.learning_rate",
      "optimizer.weight_decay": "train.weight_decay",
      seed: "train.seed",
      "tokenizer.max_seq_len": "train.max_length",
    },
  },
};
