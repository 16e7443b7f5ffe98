import { nearest } from "../util/suggest.ts";
import type { Node, Path } from "./node.ts";
import { defaultTags, experimentSchema } from "./schema.ts";

/** The parts of JSON Schema that the experiment's schema uses. */
export type Schema = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string };
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly description?: string;
};

/** The experiment's schema as a tree to walk. */
export const rootSchema: Schema = experimentSchema as Schema;

/** The value of a union's tag when nobody wrote one. */
export function defaultTag(path: Path): string | undefined {
  const key = path.join(".");
  return Object.hasOwn(defaultTags, key) ? defaultTags[key] : undefined;
}

/**
 * The branch of a union that a value belongs to: by its tag, or by the kind of value; the schema itself where it is no union.
 * A tag that is wrong counts as the one most likely meant, so that what stands beside it is looked at too.
 */
export function branchFor(schema: Schema, node: Node | undefined, path: Path): Schema | undefined {
  if (schema.oneOf !== undefined && schema.discriminator !== undefined) {
    const tag = schema.discriminator.propertyName;
    const written = node?.kind === "map" ? node.entries.get(tag)?.node : undefined;
    const word = written?.kind === "scalar" && typeof written.value === "string" ? written.value : undefined;
    const tags = schema.oneOf.map((branch) => String(branch.properties?.[tag]?.const));
    const chosen = tags.find((one) => one === word) ?? (word && nearest(word, tags)) ?? defaultTag(path);
    return schema.oneOf.find((branch) => branch.properties?.[tag]?.const === chosen);
  }
  if (schema.anyOf !== undefined && node !== undefined) return schema.anyOf[branchIndex(schema, node)];
  return schema;
}

/** The index of the `anyOf` branch for a kind of value, -1 where no branch takes it. */
export function branchIndex(schema: Schema, node: Node): number {
  return (schema.anyOf ?? []).findIndex((branch) => takes(branch.type, node));
}

function takes(type: string | undefined, node: Node): boolean {
  if (node.kind === "map") return type === "object";
  if (node.kind === "list") return type === "array";
  if (typeof node.value === "number") return type === "number" || type === "integer";
  return type === typeof node.value;
}

/** Keys that may stand at a map's path. With a union: those of every branch. */
export function keysOf(schema: Schema): readonly string[] {
  const branches = schema.oneOf ?? schema.anyOf ?? [schema];
  return [...new Set(branches.flatMap((branch) => Object.keys(branch.properties ?? {})))];
}

/** Schemas that a path may mean, over all branches of unions. Empty: nothing is there. */
export function schemasAt(path: Path, from: Schema = rootSchema): readonly Schema[] {
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

/** Every dotted path of the experiment's schema that holds a value, for "did you mean". */
export function allPaths(schema: Schema = rootSchema, path: Path = []): readonly string[] {
  const below = keysOf(schema).flatMap((key) =>
    [...new Set(schemasAt([key], schema))].flatMap((child) => allPaths(child, [...path, key])),
  );
  return [...new Set(path.length === 0 ? below : [path.join("."), ...below])];
}
