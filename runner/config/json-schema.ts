import { currentSweepSchema, experimentSchema } from "./schema.ts";
import { allPaths } from "./schema-tree.ts";

/**
 * The JSON Schema for editors, derived from the one that validates. No key is required, because `extends` or `sweep` may supply
 * it. Unions are `anyOf`, because editors do not support discriminators.
 */
export function schemaJson(): string {
  const experiment = experimentSchema();
  const properties = {
    ...experiment.properties,
    extends: {
      type: "string",
      minLength: 1,
      description: "A YAML file whose keys this file takes over and may override, relative to this file.",
      examples: ["base.yaml"],
    },
    sweep: sweepForEditors(),
  };
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "exp experiment",
    ...(forEditors({ ...experiment, properties }) as object),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** `sweep` with dotted keys of the experiment as the valid keys of its parts. */
function sweepForEditors(): object {
  const sweep = currentSweepSchema();
  const propertyNames = { anyOf: [{ enum: allPaths() }, { pattern: "^train\\.overrides\\." }] };
  const { grid, zip, repeat, ...rest } = sweep.properties ?? {};
  const named = Object.entries({ grid, zip, repeat }).map(([key, part]) => [key, { ...part, propertyNames }]);
  return { ...sweep, properties: { ...Object.fromEntries(named), ...rest } };
}

function forEditors(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forEditors);
  if (typeof schema !== "object" || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key, value]) => {
    const ofSchema = "type" in schema || "anyOf" in schema;
    return !(
      ofSchema &&
      (key === "required" || key === "discriminator" || (key === "format" && typeof value === "string"))
    );
  });
  return Object.fromEntries(kept.map(([key, value]) => [key === "oneOf" ? "anyOf" : key, forEditors(value)]));
}
