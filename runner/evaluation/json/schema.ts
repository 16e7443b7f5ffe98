import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import { formats } from "./formats.ts";
import { keyPath } from "./path.ts";
import { examineSchema, longestMatched, refused } from "./schema-file.ts";
import { branchesOf, childrenOf, propertiesOf, typesOf, validationCost } from "./schema-walk.ts";
import { isObject, type JsonObject, type JsonValue } from "./value.ts";

/** What a schema states about a scalar field. */
export type Field = {
  /** JSON types of the values, sorted: "string", "integer or null". */
  readonly types: readonly string[];
  /** The values that an enum or boolean can have; undefined for other fields. */
  readonly options: readonly JsonValue[] | undefined;
  readonly format: string | undefined;
};

/** The JSON Schema of a study. */
export type AnswerSchema = {
  readonly document: JsonObject;
  /** Scalar fields by path, in the order of the schema: "customer.name", "items[].price". */
  readonly fields: ReadonlyMap<string, Field>;
  /** What is wrong with a value: "items[0].price must be number". Undefined for a value that meets the schema. */
  errorOf(value: JsonValue): string | undefined;
  /** A value with the keys of each object in the order of the schema. Keys that it does not list follow by name. */
  inOrder(value: JsonValue): JsonValue;
};

/** Levels of nested fields that are scored by their names, and the most fields, objects and lists on these levels. */
const deepestFields = 8;
const mostFields = 4_000;

/** Reads a schema file, and opens its validator. */
export function parseSchema(source: SourceText): Result<AnswerSchema> {
  const examined = examineSchema(source);
  if (!examined.ok) return examined;
  try {
    return { ok: true, value: openSchema(examined.value), warnings: [] };
  } catch (error) {
    return refused(source, (error as Error).message.slice(0, 300));
  }
}

const regExp = Object.assign(
  (pattern: string, flags: string) => {
    const expression = new RegExp(pattern, flags);
    const test = (text: string): boolean => text.length <= longestMatched && expression.test(text);
    // ajv identifies an expression by its text.
    return { test, toString: () => String(expression) };
  },
  { code: "new RegExp" },
);

/** Subschemas that the validator may check for one value. Alternatives on each level of a value multiply. */
const mostChecks = 1_000_000;

/** A schema that was examined. Throws if the validator refuses it. */
function openSchema(document: JsonObject): AnswerSchema {
  const { $schema: _dialect, $id: _id, ...schema } = document;
  const named = new Set<string>();
  collectFormats(document, named);
  const ajv = new Ajv2020({
    ...{ strict: true, strictRequired: false, strictTypes: false, strictTuples: false, allowUnionTypes: true },
    // Inlined, references within references would take exponential space.
    inlineRefs: false,
    ...{ allErrors: false, verbose: false, logger: false },
    code: { regExp },
    formats: { ...Object.fromEntries([...named].map((name) => [name, true as const])), ...formats },
  });
  const validate: ValidateFunction = ajv.compile(schema);
  const errors = new WeakMap<object, string | null>();
  return {
    document,
    fields: fieldsOf(document),
    errorOf(value) {
      const known = isObject(value) ? errors.get(value) : undefined;
      if (known !== undefined) return known ?? undefined;
      const isCostly = validationCost(document, value) > mostChecks;
      const error = isCostly
        ? "the value has too many alternatives"
        : validate(value)
          ? null
          : errorText(validate.errors?.[0]);
      if (isObject(value)) errors.set(value, error);
      return error ?? undefined;
    },
    inOrder: (value) => ordered(document, value, [document]),
  };
}

/** Names of formats, of which all but those of dates are annotations. */
function collectFormats(value: JsonValue, into: Set<string>): void {
  if (Array.isArray(value)) for (const one of value) collectFormats(one, into);
  else if (isObject(value)) {
    if (typeof value.format === "string") into.add(value.format);
    for (const one of Object.values(value)) collectFormats(one, into);
  }
}

function errorText(error: ErrorObject | undefined): string {
  if (error === undefined) return "does not meet the schema";
  const { instancePath, keyword, params, message } = error;
  const path = instancePath
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((parent, key) => (/^\d+$/.test(key) ? `${parent}[${key}]` : keyPath(parent, key)), "");
  const place = path === "" ? "the object" : path;
  const detail =
    keyword === "enum"
      ? `must be one of ${(params.allowedValues as readonly JsonValue[])
          .slice(0, 8)
          .map((one) => JSON.stringify(one))
          .join(", ")}`
      : keyword === "additionalProperties"
        ? `has the key ${JSON.stringify(String(params.additionalProperty).slice(0, 60))}, which the schema does not have`
        : keyword === "required"
          ? `lacks the key ${JSON.stringify(params.missingProperty)}`
          : (message ?? keyword);
  return `${place.slice(0, 200)} ${detail}`;
}

function ordered(document: JsonObject, value: JsonValue, schemas: readonly JsonObject[]): JsonValue {
  if (Array.isArray(value)) {
    const items = childrenOf(document, schemas, null);
    return value.map((one: JsonValue) => ordered(document, one, items));
  }
  if (!isObject(value)) return value;
  const known = propertiesOf(document, schemas).filter((key) => Object.hasOwn(value, key));
  const others = Object.keys(value)
    .filter((key) => !known.includes(key))
    .sort();
  return Object.fromEntries(
    [...known, ...others].map((key) => [
      key,
      ordered(document, value[key] as JsonValue, childrenOf(document, schemas, key)),
    ]),
  );
}

const scalarTypes = ["string", "number", "integer", "boolean", "null"];

function fieldsOf(document: JsonObject): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  let steps = 0;
  const walk = (path: string, schemas: readonly JsonObject[], depth: number): void => {
    if (depth > deepestFields || ++steps > mostFields) return;
    const all = schemas.flatMap((schema) => branchesOf(document, schema));
    for (const key of propertiesOf(document, schemas))
      walk(keyPath(path, key), childrenOf(document, schemas, key), depth + 1);
    const items = childrenOf(document, schemas, null);
    if (items.length > 0) walk(`${path}[]`, items, depth + 1);
    const types = [...new Set(all.flatMap(typesOf))].filter((type) => scalarTypes.includes(type)).sort();
    if (path === "" || types.length === 0) return;
    const listed = all.flatMap((one) =>
      Array.isArray(one.enum) ? one.enum : one.const === undefined ? [] : [one.const],
    );
    const options = listed.length > 0 ? listed : types.join() === "boolean" ? [true, false] : undefined;
    const format = all.map((one) => one.format).find((one) => typeof one === "string");
    fields.set(path, { types, options, format: format as string | undefined });
  };
  walk("", [document], 0);
  return fields;
}
