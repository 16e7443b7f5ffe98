import { type Engine, generationProperties } from "../engine.ts";

/** `generate` with vLLM: on an NVIDIA GPU, in an environment of its own. */
export const vllmSchema = {
  type: "object",
  additionalProperties: false,
  required: ["engine"],
  properties: {
    engine: { type: "string", const: "vllm", description: "vLLM 0.33 on a GPU: `exp setup vllm`." },
    precision: { type: "string", enum: ["16bit"], default: "16bit", description: "Number format of the weights." },
    ...generationProperties,
  },
} as const;

/** Many cases on a GPU: one batch that vLLM fills by itself. */
export const vllm: Engine = { name: "vllm", schema: vllmSchema };
