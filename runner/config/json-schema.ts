import { currentSweepSchema, experimentSchema, type Schema } from "./schema.ts";
import { allPaths, mapSchema } from "./schema-visitor.ts";

/** The text of runner/schemas/experiment.schema.json. */
export function schemaJson(): string {
  const head = { $schema: "http://json-schema.org/draft-07/schema#", title: "exp experiment" };
  return `${JSON.stringify({ ...head, ...mapSchema(fileSchema(), forEditors) }, null, 2)}\n`;
}

/** The JSON Schema of an experiment file: of the experiment, with `extends` and `sweep`. */
export function fileSchema(): Schema {
  const experiment = experimentSchema();
  const properties = {
    ...experiment.properties,
    extends: {
      type: "string",
      minLength: 1,
      description: "A YAML file whose keys this file takes over and may override, relative to this file.",
      examples: ["base.yaml"],
    },
    sweep: sweepSchema(),
  };
  return { ...experiment, properties };
}

/** `sweep` with dotted keys of the experiment as the valid keys of its parts. */
function sweepSchema(): Schema {
  const sweep = currentSweepSchema();
  const propertyNames = { anyOf: [{ enum: allPaths() }, { pattern: "^train\\.overrides\\." }] };
  const { grid, zip, repeat, ...rest } = sweep.properties ?? {};
  const named = Object.entries({ grid, zip, repeat }).map(([key, part]) => [key, { ...part, propertyNames }]);
  return { ...sweep, properties: { ...Object.fromEntries(named), ...rest } };
}

/**
 * One part of the schema as editors need it. No key is required, because `extends` or `sweep` may supply it. Unions are `anyOf`,
 * because editors do not support discriminators; they do not know the formats either.
 */
function forEditors(schema: Schema): Schema {
  const kept = Object.entries(schema).filter(([key]) => !["required", "discriminator", "format"].includes(key));
  return Object.fromEntries(kept.map(([key, value]) => [key === "oneOf" ? "anyOf" : key, value]));
}
