import { seed } from "./scalars.ts";

/** What `prompt` says. */
export const prompt = {
  type: "object",
  additionalProperties: false,
  required: ["template"],
  properties: {
    template: {
      type: "string",
      minLength: 1,
      format: "project-path",
      description: "Handlebars template. prompts/… is relative to the project root, anything else to this YAML.",
    },
    zero_shot: {
      type: "string",
      minLength: 1,
      format: "project-path",
      default: "prompts/zero-shot.hbs",
      description: "Template of the untrained model, so that the baseline is as good as a prompt can make it.",
    },
    thinking: { type: "boolean", default: false, description: "Let a model that can think do so before it answers." },
    labels: {
      type: "object",
      additionalProperties: false,
      properties: {
        from: { type: "string", enum: ["train"], default: "train", description: "Where the list comes from." },
        min_count: { type: "integer", minimum: 1, default: 1, description: "Leave out labels with fewer rows." },
        order: {
          type: "string",
          enum: ["frequency", "alphabetical"],
          default: "frequency",
          description: "Order of the list.",
        },
      },
      description: "Labels offered to the template as `labels`. Absent: none.",
    },
    examples: {
      type: "object",
      additionalProperties: false,
      properties: {
        count: { type: "integer", minimum: 0, maximum: 100, default: 0, description: "Training rows shown." },
        select: {
          type: "string",
          enum: ["nearest", "random"],
          default: "nearest",
          description: "Those most like the case, or drawn by the seed. Never the case itself or its duplicate.",
        },
        seed: { ...seed, default: 1, description: "Seed of the draw." },
      },
      default: {},
      description: "Few-shot examples offered to the template as `examples`.",
    },
  },
  description: "What the model is told.",
} as const;
