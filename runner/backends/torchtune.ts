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
  capabilities: {
    methods: { lora: ["bf16", "fp32"], dora: ["bf16", "fp32"] },
    instead: {
      qlora: "use method: lora on a smaller model, or with fewer layers",
      qdora: "use method: dora on a smaller model, or with fewer layers",
      full: "use method: lora with a high rank",
    },
    schedules: ["cosine", "linear", "constant"],
    best: ["loss"],
    earlyStopping: true,
    samples: false,
    reserved: {},
  },
};
