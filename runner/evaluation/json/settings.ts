import type { TaskSections } from "../../plugins/tasks/task.ts";

/** Key of the schema file. */
export const schemaKey = "data.json.schema";

/** Settings of the task, in the section `data`. */
export type JsonSettings = {
  readonly schema?: string;
  readonly answers: "lenient" | "strict";
  readonly tolerance: number;
};

export type ParsingSettings = { readonly answers: JsonSettings["answers"] };
export type ScoringSettings = { readonly tolerance: number };

/** The settings in an experiment. */
export const settingsOf = ({ data }: TaskSections): JsonSettings => (data as unknown as { json: JsonSettings }).json;

/** Keys that the task adds to the section `data`. */
export const jsonKeys = {
  json: {
    type: "object",
    additionalProperties: false,
    properties: {
      schema: {
        type: "string",
        minLength: 1,
        format: "file-path",
        description:
          "File with the JSON Schema (draft 2020-12) that targets and answers meet, relative to this YAML file. Required.",
        examples: ["schemas/invoice.schema.json"],
      },
      answers: {
        type: "string",
        enum: ["lenient", "strict"],
        default: "lenient",
        description:
          "How an answer is read. lenient: also a JSON object within a code fence or other text. strict: nothing but the object.",
        examples: ["strict"],
      },
      tolerance: {
        type: "number",
        minimum: 0,
        default: 0,
        description:
          "Largest difference of two numbers that count as equal. Fields whose type is integer are compared exactly.",
        examples: [0.01],
      },
    },
    default: {},
    description: "The form of targets and answers, and how they are compared.",
    examples: [{ schema: "schemas/invoice.schema.json" }],
  },
} as const;
