import type { Engine } from "../engine.ts";

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
    zero_shot: {
      type: "string",
      minLength: 1,
      format: "file-path",
      description: "Answers of the untrained model, beside those of a fine-tune in file. Absent: there is no such arm.",
    },
    made_by: {
      type: "string",
      minLength: 1,
      maxLength: 120,
      description: "Origin of the answers in a few words. Shown on every page of reports and exports.",
    },
  },
} as const;

/** Scores answers that another program wrote, by the same rules. */
export const replay: Engine = { name: "replay", schema: replaySchema };
