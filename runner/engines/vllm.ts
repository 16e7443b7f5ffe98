import { type Engine, generationProperties } from "./engine.ts";

/** `generate` with vLLM: known by name, so that a file written for it gets a plain answer. */
export const vllmSchema = {
  type: "object",
  additionalProperties: false,
  required: ["engine"],
  properties: {
    engine: { type: "string", const: "vllm", description: "vLLM; not in this version." },
    precision: {
      type: "string",
      enum: ["16bit", "4bit"],
      default: "16bit",
      description: "Number format of the weights.",
    },
    ...generationProperties,
  },
} as const;

/** vLLM cannot be run by this version. */
export const vllm: Engine = {
  name: "vllm",
  schema: vllmSchema,
  unavailable: { message: "engine vllm is not available yet", help: "use engine: transformers or replay" },
};
