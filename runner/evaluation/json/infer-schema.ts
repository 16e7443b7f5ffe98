import { formats } from "./formats.ts";
import { isObject, type JsonObject, type JsonValue } from "./value.ts";

/** Distinct texts of a field that may be an enum, their length, and how often each occurs on average. */
const mostOptions = 12;
const longestOption = 40;
const leastRepeats = 5;

/**
 * A schema that all of these objects meet. A key of every object is required. A string field with few short texts that
 * repeat is an enum.
 */
export function inferSchema(objects: readonly JsonObject[]): JsonObject {
  return objectSchema(objects);
}

function objectSchema(objects: readonly JsonObject[]): JsonObject {
  const keys = [...new Set(objects.flatMap((one) => Object.keys(one)))];
  const valuesOf = (key: string): readonly JsonValue[] =>
    objects.flatMap((one) => (Object.hasOwn(one, key) ? [one[key] as JsonValue] : []));
  return {
    type: "object",
    properties: Object.fromEntries(keys.map((key) => [key, schemaOf(valuesOf(key))])),
    required: keys.filter((key) => valuesOf(key).length === objects.length),
    additionalProperties: false,
  };
}

function schemaOf(values: readonly JsonValue[]): JsonObject {
  const lists = values.filter((value): value is readonly JsonValue[] => Array.isArray(value));
  const objects = values.filter(isObject);
  const scalars = values.filter((value) => !Array.isArray(value) && !isObject(value));
  const alternatives = [
    ...(objects.length > 0 ? [objectSchema(objects)] : []),
    ...(lists.length > 0 ? [{ type: "array", items: itemSchema(lists.flat()) }] : []),
    ...(scalars.length > 0 ? [scalarSchema(scalars)] : []),
  ];
  return alternatives.length === 1 ? (alternatives[0] as JsonObject) : { anyOf: alternatives };
}

const itemSchema = (items: readonly JsonValue[]): JsonObject =>
  items.length === 0 ? { type: "string" } : schemaOf(items);

function scalarSchema(values: readonly JsonValue[]): JsonObject {
  const texts = values.filter((value): value is string => typeof value === "string");
  const options = [...new Set(texts)];
  const isEnum =
    texts.length === values.length &&
    options.length <= mostOptions &&
    options.every((text) => text.length <= longestOption) &&
    texts.length >= leastRepeats * options.length;
  if (isEnum) return { enum: options.sort() };
  const types = [...new Set(values.map(typeOf))].sort();
  const merged = types.includes("number") ? types.filter((type) => type !== "integer") : types;
  const format = (["date", "date-time"] as const).find((name) => texts.length > 0 && texts.every(formats[name]));
  return {
    type: merged.length === 1 ? (merged[0] as string) : merged,
    ...(format === undefined ? {} : { format }),
  };
}

function typeOf(value: JsonValue): string {
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}
