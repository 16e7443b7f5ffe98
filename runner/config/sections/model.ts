/** The `model` section. */
export const model = {
  type: "object",
  additionalProperties: false,
  required: ["base"],
  properties: {
    base: {
      type: "string",
      minLength: 1,
      format: "model-path",
      description: "Hub id (Qwen/Qwen3-8B), local folder (./models/mine), or name of a bundled model (smollm2-135m).",
      examples: ["Qwen/Qwen3-8B"],
    },
    revision: {
      type: "string",
      minLength: 1,
      description: "Commit of a hub model, 40 hexadecimal digits. `exp pin FILE` writes it.",
      examples: ["9c925d64d72725edaf899c6cb9c377fd0709d9c5"],
    },
    size: {
      type: "string",
      pattern: "^[0-9]+(\\.[0-9]+)?[MB]$",
      description: "Number of parameters, such as 8B or 135M. It is compared with the model.",
      examples: ["8B"],
    },
  },
  description: "The base model.",
} as const;
