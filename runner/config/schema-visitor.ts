/** The one place that walks JSON Schemas: down a path, over every key, or rewriting every part. */
import { nearest } from "../util/suggest.ts";
import type { Node, Path } from "./node.ts";
import { defaultTags, experimentSchema, type Schema } from "./schema.ts";

/** One key of a schema, in one branch of a union. */
export type SchemaKey = {
  readonly path: Path;
  readonly schema: Schema;
  readonly isRequired: boolean;
};

/** Every key below a schema, parents before their children. A key that several branches of a union have comes once for each. */
export function* visitKeys(schema: Schema, path: Path = []): Generator<SchemaKey> {
  for (const branch of branchesOf(schema)) {
    for (const [key, child] of Object.entries(branch.properties ?? {})) {
      const below = [...path, key];
      yield { path: below, schema: child, isRequired: branch.required?.includes(key) === true };
      yield* visitKeys(child, below);
    }
  }
}

/** A copy of a schema in which `change` has replaced every schema, the inner ones first. Keys keep their order. */
export function mapSchema(schema: Schema, change: (schema: Schema) => Schema): Schema {
  const inner = (value: Schema): Schema => mapSchema(value, change);
  const { properties, additionalProperties, items, oneOf, anyOf } = schema;
  // Assigning to a key that exists keeps its place.
  const copy: { -readonly [K in keyof Schema]: Schema[K] } = { ...schema };
  if (properties !== undefined) {
    copy.properties = Object.fromEntries(Object.entries(properties).map(([key, child]) => [key, inner(child)]));
  }
  if (typeof additionalProperties === "object") copy.additionalProperties = inner(additionalProperties);
  if (items !== undefined) copy.items = inner(items);
  if (oneOf !== undefined) copy.oneOf = oneOf.map(inner);
  if (anyOf !== undefined) copy.anyOf = anyOf.map(inner);
  return change(copy);
}

/** The alternatives of a union; of any other schema itself. */
export function branchesOf(schema: Schema): readonly Schema[] {
  return schema.oneOf ?? schema.anyOf ?? [schema];
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

/** The value of a union's tag if no file sets it. */
export function defaultTag(path: Path): string | undefined {
  const key = path.join(".");
  const tags = defaultTags();
  return Object.hasOwn(tags, key) ? tags[key] : undefined;
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

/** The schema of a key of a map, or of the items of a list; undefined if there is none. `schema` is no union: see branchFor. */
export function childOf({ properties, additionalProperties, items }: Schema, key: string): Schema | undefined {
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key];
  return items ?? (typeof additionalProperties === "object" ? additionalProperties : undefined);
}

/** The schemas of a path, one for each branch of a union that has it. Empty: there is no such key. */
export function schemasAt(path: Path, from: Schema = experimentSchema()): readonly Schema[] {
  const below = (branch: Schema, key: string): readonly Schema[] => {
    const child = branch.type === "array" ? undefined : childOf(branch, key);
    if (child !== undefined) return [child];
    return branch.properties === undefined && branch.type === "object" ? [{}] : [];
  };
  return path.reduce<readonly Schema[]>(
    (found, key) => found.flatMap(branchesOf).flatMap((branch) => below(branch, key)),
    [from],
  );
}

/** Keys that a map may have. For a union: those of every branch. */
export function keysOf(schema: Schema): readonly string[] {
  return [...new Set(branchesOf(schema).flatMap((branch) => Object.keys(branch.properties ?? {})))];
}

/** Every dotted path of the experiment's schema, for suggestions. */
export function allPaths(): readonly string[] {
  return [...new Set([...visitKeys(experimentSchema())].map(({ path }) => path.join(".")))];
}
