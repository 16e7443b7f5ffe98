import { type Engine, generationProperties } from "../engine.ts";

/** `generate` with transformers: left-padded batches sorted by length. */
export const transformersSchema = {
  type: "object",
  additionalProperties: false,
  required: ["engine"],
  properties: {
    engine: { type: "string", const: "transformers", description: "Generation in this process with transformers." },
    precision: {
      type: "string",
      enum: ["16bit", "32bit", "4bit"],
      default: "16bit",
      description: "Number format of the weights; the same for all arms that are compared.",
    },
    batch_size: {
      anyOf: [
        { type: "string", const: "auto" },
        { type: "integer", minimum: 1 },
      ],
      default: "auto",
      description: "Cases generated at once; auto fits them to the memory.",
    },
    ...generationProperties,
  },
} as const;

/** The default engine: everywhere that torch runs. */
export const transformers: Engine = { name: "transformers", schema: transformersSchema };
