import type { Engine } from "./engine.ts";

/** `generate` from a file: nothing is run, the answers are there already. */
export const replaySchema = {
  type: "object",
  additionalProperties: false,
  required: ["engine", "file"],
  properties: {
    engine: { type: "string", const: "replay", description: "Answers taken from a file." },
    file: {
      type: "string",
      minLength: 1,
      format: "file-path",
      description: "A .jsonl with one {id, text} a line. Relative to this YAML.",
    },
  },
} as const;

/** Scores answers that another program wrote, by the same rules. */
export const replay: Engine = { name: "replay", schema: replaySchema };
