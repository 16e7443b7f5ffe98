/** What `model` says. */
export const model = {
  type: "object",
  additionalProperties: false,
  required: ["base"],
  properties: {
    base: {
      type: "string",
      minLength: 1,
      format: "model-path",
      description: "Hub id (Qwen/Qwen3-8B), local folder (./models/mine), or a bundled name (smollm2-135m).",
    },
    revision: {
      type: "string",
      minLength: 1,
      description: "Commit of a hub model, 40 hex digits: a branch can move. `exp pin FILE` writes it.",
    },
    size: {
      type: "string",
      pattern: "^[0-9]+(\\.[0-9]+)?[MB]$",
      description: "Parameters, such as 8B or 135M: checked against the model.",
    },
  },
  description: "The base model.",
} as const;
