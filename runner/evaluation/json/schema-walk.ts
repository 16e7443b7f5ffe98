import { isObject, type JsonObject, type JsonValue } from "./value.ts";

/** The schema to which a reference leads. */
export function targetOf(document: JsonObject, ref: JsonValue): JsonObject | undefined {
  if (ref === "#") return document;
  if (typeof ref !== "string" || !ref.startsWith("#/")) return undefined;
  let value: JsonValue | undefined = document;
  for (const token of ref.slice(2).split("/")) {
    const key = decoded(token).replaceAll("~1", "/").replaceAll("~0", "~");
    const step: JsonValue | undefined = value;
    if (Array.isArray(step)) value = step[Number(key)];
    else value = isObject(step) && Object.hasOwn(step, key) ? step[key] : undefined;
  }
  return isObject(value) ? value : undefined;
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** The schemas that a schema consists of: the target of its reference, and its alternatives. */
export function nextOf(document: JsonObject, { $ref, anyOf, oneOf }: JsonObject): readonly JsonObject[] {
  const target = $ref === undefined ? undefined : targetOf(document, $ref);
  const lists = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? (list as readonly JsonValue[]) : []));
  return [...(target === undefined ? [] : [target]), ...lists.filter(isObject)];
}

/** A schema with all schemas that it consists of, each once. */
export function branchesOf(document: JsonObject, schema: JsonObject): readonly JsonObject[] {
  const found = new Set([schema]);
  // A set that grows is iterated to its end.
  for (const one of found) for (const more of nextOf(document, one)) found.add(more);
  return [...found];
}

/** The subschemas of a key, or of the items (`null`), in all branches. */
export function childrenOf(
  document: JsonObject,
  schemas: readonly JsonObject[],
  key: string | null,
): readonly JsonObject[] {
  const branches = new Set(schemas.flatMap((schema) => branchesOf(document, schema)));
  // Each once: otherwise, their number grows by a factor with each level.
  return [...new Set([...branches].flatMap((schema) => ownChildren(schema, key)))];
}

/** The subschema of a key, or of the items (`null`), if a schema has one. */
function ownChildren({ properties, items }: JsonObject, key: string | null): readonly JsonObject[] {
  const child = key === null ? items : isObject(properties) && Object.hasOwn(properties, key) && properties[key];
  return isObject(child as JsonValue) ? [child as JsonObject] : [];
}

/** How many subschemas a validator checks for a value at most, if it tries every alternative. */
export function validationCost(document: JsonObject, root: JsonValue): number {
  const known = new Map<JsonObject, Map<JsonValue, number>>();
  const costOf = (schema: JsonObject, value: JsonValue): number => {
    const ofSchema = known.get(schema) ?? new Map<JsonValue, number>();
    known.set(schema, ofSchema);
    const cost = ofSchema.get(value);
    if (cost !== undefined) return cost;
    let sum = nextOf(document, schema).reduce((total, one) => total + costOf(one, value), 1);
    const children: readonly (readonly [string | null, JsonValue])[] = Array.isArray(value)
      ? (value as readonly JsonValue[]).map((item) => [null, item] as const)
      : isObject(value)
        ? Object.entries(value)
        : [];
    for (const [key, child] of children) for (const one of ownChildren(schema, key)) sum += costOf(one, child);
    ofSchema.set(value, sum);
    return sum;
  };
  return costOf(document, root);
}

export const propertiesOf = (document: JsonObject, schemas: readonly JsonObject[]): readonly string[] => [
  ...new Set(
    schemas
      .flatMap((schema) => branchesOf(document, schema))
      .flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : [])),
  ),
];

/** The JSON types that a schema without its branches allows. */
export function typesOf({ type, enum: options, const: only }: JsonObject): readonly string[] {
  if (Array.isArray(type)) return type.map(String);
  if (typeof type === "string") return [type];
  const values = Array.isArray(options) ? (options as readonly JsonValue[]) : only === undefined ? [] : [only];
  return values.map((value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value));
}
