import { type Engine, generationProperties } from "./engine.ts";

/** `generate` by an OpenAI-compatible server: known by name, so that a file written for it gets a plain answer. */
export const openaiSchema = {
  type: "object",
  additionalProperties: false,
  required: ["engine"],
  properties: {
    engine: { type: "string", const: "openai", description: "An OpenAI-compatible server; not in this version." },
    base_url: { type: "string", minLength: 1, description: "Address of the server." },
    api_key_env: {
      type: "string",
      minLength: 1,
      description: "Environment variable that holds the key, never the key.",
    },
    model: { type: "string", minLength: 1, description: "Name of the served model." },
    ...generationProperties,
  },
} as const;

/** An OpenAI-compatible server cannot be asked by this version. */
export const openai: Engine = {
  name: "openai",
  schema: openaiSchema,
  unavailable: { message: "engine openai is not available yet", help: "use engine: transformers or replay" },
};
