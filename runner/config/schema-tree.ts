import { nearest } from "../util/suggest.ts";
import type { Node, Path } from "./node.ts";
import { defaultTags, experimentSchema, type Schema } from "./schema.ts";

export type { Schema } from "./schema.ts";

/** The value of a union's tag if no file sets it. */
export function defaultTag(path: Path): string | undefined {
  const key = path.join(".");
  const tags = defaultTags();
  return Object.hasOwn(tags, key) ? tags[key] : undefined;
}

/**
 * The branch of a union that a value belongs to, by its tag or by its type; the schema itself if it is not a union. An invalid
 * tag counts as the valid one nearest to it, so that errors in the other keys are found too.
 */
export function branchFor(schema: Schema, node: Node | undefined, path: Path): Schema | undefined {
  if (schema.oneOf !== undefined && schema.discriminator !== undefined) {
    const tag = schema.discriminator.propertyName;
    const written = node?.kind === "map" ? node.entries.get(tag)?.node : undefined;
    const value = written?.kind === "scalar" && typeof written.value === "string" ? written.value : undefined;
    const tags = schema.oneOf.map((branch) => String(branch.properties?.[tag]?.const));
    const chosen = tags.find((one) => one === value) ?? (value && nearest(value, tags)) ?? defaultTag(path);
    return schema.oneOf.find((branch) => branch.properties?.[tag]?.const === chosen);
  }
  if (schema.anyOf !== undefined && node !== undefined) return schema.anyOf[branchIndex(schema, node)];
  return schema;
}

/** The index of the `anyOf` branch for the type of a value; -1 if no branch accepts it. */
export function branchIndex(schema: Schema, node: Node): number {
  return (schema.anyOf ?? []).findIndex((branch) => accepts(branch.type, node));
}

function accepts(type: string | undefined, node: Node): boolean {
  if (node.kind === "map") return type === "object";
  if (node.kind === "list") return type === "array";
  if (typeof node.value === "number") return type === "number" || type === "integer";
  return type === typeof node.value;
}

/** Keys that a map may have. For a union: those of every branch. */
export function keysOf(schema: Schema): readonly string[] {
  const branches = schema.oneOf ?? schema.anyOf ?? [schema];
  return [...new Set(branches.flatMap((branch) => Object.keys(branch.properties ?? {})))];
}

/** The schemas of a path, one for each branch of a union that has it. Empty: there is no such key. */
export function schemasAt(path: Path, from: Schema = experimentSchema()): readonly Schema[] {
  let found: readonly Schema[] = [from];
  for (const part of path) {
    found = found.flatMap((schema) => {
      const branches = schema.oneOf ?? schema.anyOf ?? [schema];
      return branches.flatMap((branch) => {
        const { properties, additionalProperties, type } = branch;
        if (properties !== undefined && Object.hasOwn(properties, part)) return [properties[part] as Schema];
        if (typeof additionalProperties === "object") return [additionalProperties];
        return properties === undefined && type === "object" ? [{}] : [];
      });
    });
  }
  return found;
}

/** Every dotted path of the experiment's schema, for suggestions. */
export function allPaths(schema: Schema = experimentSchema(), path: Path = []): readonly string[] {
  const below = keysOf(schema).flatMap((key) =>
    [...new Set(schemasAt([key], schema))].flatMap((child) => allPaths(child, [...path, key])),
  );
  return [...new Set(path.length === 0 ? below : [path.join("."), ...below])];
}
