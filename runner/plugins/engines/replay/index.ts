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
      description: "Who or what gave the answers, in a few words: said on every page of what is handed in.",
    },
  },
} as const;

/** Scores answers that another program wrote, by the same rules. */
export const replay: Engine = { name: "replay", schema: replaySchema };

/**
 * What must stand wherever scores of replayed answers are shown: whose answers they are, and who gave them. Undefined where no
 * answers were replayed.
 */
export function replayWarning(
  answers: readonly { readonly experiment: string; readonly made_by: string | null }[],
): string | undefined {
  if (answers.length === 0) return undefined;
  const experiments = [...new Set(answers.map(({ experiment }) => experiment))].join(" and ");
  const makers = [...new Set(answers.flatMap(({ made_by }) => made_by ?? []))].join("; ");
  const files = answers.length === 1 ? "a file" : `${answers.length} files`;
  return `The answers of ${experiments} were replayed from ${files}${makers === "" ? "" : `; they were made by ${makers}`}.`;
}
