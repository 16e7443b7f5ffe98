import { experimentSchema } from "./schema.ts";
import { allPaths } from "./schema-tree.ts";
import { sweepSchema } from "./sections/sweep.ts";

/**
 * The JSON Schema that editors use, made of the one that validates. A file may leave out what `extends` or `sweep` supply, so
 * nothing but tags is required; unions are `anyOf`, for editors do not know discriminators.
 */
export function schemaJson(): string {
  const properties = {
    ...experimentSchema.properties,
    extends: {
      type: "string",
      minLength: 1,
      description: "A YAML file that this one builds on, relative to this file.",
    },
    sweep: sweepForEditors(),
  };
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "exp experiment",
    ...(forEditors({ ...experimentSchema, properties }) as object),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Keys of a sweep's parts are dotted keys of the experiment. */
function sweepForEditors(): object {
  const propertyNames = { anyOf: [{ enum: allPaths() }, { pattern: "^train\\.overrides\\." }] };
  const { grid, zip, repeat, ...rest } = sweepSchema.properties;
  const named = Object.entries({ grid, zip, repeat }).map(([key, part]) => [key, { ...part, propertyNames }]);
  return { ...sweepSchema, properties: { ...Object.fromEntries(named), ...rest } };
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
