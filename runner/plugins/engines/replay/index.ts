import type { ExperimentCheck } from "../../check.ts";
import type { Experiment, Generation } from "../../experiment.ts";
import type { Engine, RecordedAnswers } from "../engine.ts";

/** `generate` for this engine, with every default. */
type Own = Generation & { readonly file: string; readonly zero_shot?: string; readonly made_by?: string };

/** Recorded answers: scores a file of answers from another program, by the same rules. */
export const replay: Engine = {
  name: "replay",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["engine", "file"],
    properties: {
      engine: { type: "string", const: "replay", description: "Read the answers from a file." },
      file: {
        type: "string",
        minLength: 1,
        format: "file-path",
        description:
          'A .jsonl file with one {"id", "text"} or {"id", "labels"} object a line, relative to this YAML file.',
        examples: ["answers.jsonl"],
      },
      zero_shot: {
        type: "string",
        minLength: 1,
        format: "file-path",
        description:
          "File with the answers of the untrained model, if `file` has those of the trained one. Absent: no zero-shot arm.",
        examples: ["zero-shot.jsonl"],
      },
      made_by: {
        type: "string",
        minLength: 1,
        maxLength: 120,
        description: "Origin of the answers in a few words. Every page of reports and exports shows it.",
        examples: ["GPT-4o, temperature 0"],
      },
    },
  },
  runsModel: false,
  recorded: recordedAnswers,
  check: checkFiles,
  generateStep: {
    draft(common, { experiment, arm, site }) {
      const { file, made_by } = recordedAnswers(experiment, arm) as RecordedAnswers;
      const params = { engine: "replay", exp: site.version, ...(made_by === null ? {} : { made_by }) };
      return { ...common, params, hints: { file: site.portable(file) }, sources: { "generate.file": file } };
    },
    async run({ made_by = null }, context) {
      const { replayAnswers } = await import("./replay-answers.ts");
      replayAnswers(context);
      context.evidence({ replayed: context.hint("file") ?? null, made_by });
    },
  },
};

function recordedAnswers(experiment: Experiment, arm: string): RecordedAnswers | undefined {
  const { file, zero_shot, made_by = null } = experiment.generate as Own;
  if (arm !== "zero_shot" || experiment.train === undefined) return { file, made_by };
  return zero_shot === undefined ? undefined : { file: zero_shot, made_by };
}

/** Checks that the files exist, and that answers of an untrained model belong to an experiment that trains one. */
function checkFiles({ experiment, needFile, error, warning }: ExperimentCheck): void {
  const own = experiment.generate as Own;
  for (const key of ["file", "zero_shot"] as const) {
    const file = own[key];
    if (file !== undefined && needFile(`generate.${key}`, file) && !file.endsWith(".jsonl")) {
      const message = `generate.${key} is not a .jsonl file`;
      error(`generate.${key}`, "bad-format", message, 'write one {"id", "text"} object a line');
    }
  }
  if (own.zero_shot !== undefined && experiment.train === undefined) {
    const message = "generate.zero_shot has no effect without train:, because generate.file has the zero-shot answers";
    warning("generate.zero_shot:", "unused-key", message, "remove it, or describe the training in train:");
  }
}
