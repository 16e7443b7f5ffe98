import keys from "../../../../recipes/axolotl/keys.json" with { type: "json" };
import decided from "../../../../recipes/axolotl/reserved_keys.json" with { type: "json" };
import type { Backend } from "../backend.ts";
import { trainProperties } from "../train-schema.ts";

/** `train` with axolotl: every method on CPU and GPU, on a T4 too, on several GPUs by DDP. */
export const axolotlSchema = {
  type: "object",
  additionalProperties: false,
  required: ["backend"],
  properties: {
    backend: { type: "string", const: "axolotl", description: "axolotl 0.19.0 in its own environment." },
    ...trainProperties,
  },
} as const;

/** Whether a key or a section that it lies in is decided: "optim_args.eps" is where "optim_args" is. */
function decides(key: string): boolean {
  if (Object.hasOwn(decided, key)) return true;
  const dot = key.lastIndexOf(".");
  return dot > 0 && decides(key.slice(0, dot));
}

/** axolotl 0.19.0 as the recipes drive it. */
export const axolotl: Backend = {
  name: "axolotl",
  schema: axolotlSchema,
  habits: { checkpointing: ["cuda"], allLogits: true },
  capabilities: {
    methods: {
      lora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      dora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      qlora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      qdora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      full: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
    },
    instead: {},
    aloneOnCpu: true,
    schedules: ["cosine", "linear", "constant"],
    best: ["loss", "micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"],
    earlyStopping: true,
    samples: true,
    keepsReports: true,
    overrides: keys.filter((key) => !decides(key)),
    decided,
  },
};
