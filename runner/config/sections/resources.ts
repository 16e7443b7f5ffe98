import type { Executor } from "../../plugins/executors/executor.ts";
import { duration } from "./scalars.ts";

const bytes = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)$" } as const;

/**
 * JSON Schema of `resources`. An executor with keys has a section with its name. The first executor is the default.
 */
export function resourcesSchema(executors: Iterable<Executor>) {
  const all = [...executors];
  const sections = all.flatMap(({ name, schema }) => (schema === undefined ? [] : [[name, schema] as const]));
  return {
    type: "object",
    additionalProperties: false,
    properties: {
      gpus: {
        type: "integer",
        minimum: 0,
        description: "GPUs of a step that trains or generates. Absent: one if the machine has any.",
        examples: [1],
      },
      gpu_memory: { ...bytes, description: "Memory that a GPU must have.", examples: ["24GB"] },
      memory: { ...bytes, description: "Maximum main memory of a step.", examples: ["32GB"] },
      time: { ...duration, description: "Maximum time of a step.", examples: ["4h"] },
      price_per_hour: {
        type: "number",
        minimum: 0,
        description: "Price of the machine per hour, for the cost table.",
        examples: [1.2],
      },
      executor: {
        type: "string",
        enum: all.map(({ name }) => name),
        default: all[0]?.name,
        description: `Where steps run: ${all.map(({ name, description }) => `${name}, ${description}`).join("; ")}. \`--executor\` overrides it. Not part of the cache key.`,
        examples: all.slice(0, 1).map(({ name }) => name),
      },
      ...Object.fromEntries(sections),
    },
    default: {},
    description: "What steps need, and where they run.",
  };
}
