import type { Diagnostic, Result, SourceText } from "../../util/diagnostic.ts";
import { suggestion } from "../../util/suggest.ts";
import { nextOf, targetOf } from "./schema-walk.ts";
import { isObject, type JsonObject, type JsonValue, readJson } from "./value.ts";

/** Dialects in which the supported keywords mean the same. */
const dialects = ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema"];
const annotations = ["title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"];
/** The keywords of JSON Schema that a schema file may have. */
export const keywords = [
  ...["type", "enum", "const", "anyOf", "oneOf", "$ref", "properties", "required", "additionalProperties", "items"],
  ...["minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum"],
  ...["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minProperties", "maxProperties", ...annotations],
];
const rootKeywords = ["$schema", "$id", "$defs", "definitions"];

const isCount = (value: JsonValue): boolean => Number.isInteger(value) && (value as number) >= 0;
const isType = (value: JsonValue): boolean =>
  ["object", "array", "string", "number", "integer", "boolean", "null"].includes(value as string);
const isFull = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value) && value.length > 0;

/** What the values of keywords are. */
const forms: readonly { readonly keys: readonly string[]; readonly name: string; holds(value: JsonValue): boolean }[] =
  [
    {
      keys: ["type"],
      name: 'a JSON type such as "string", or a list of them',
      holds: (value) => isType(value) || (isFull(value) && value.every(isType)),
    },
    { keys: ["enum"], name: "a list of values", holds: isFull },
    {
      keys: ["required"],
      name: "a list of keys",
      holds: (value) => Array.isArray(value) && value.every((key: JsonValue) => typeof key === "string"),
    },
    {
      keys: ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"],
      name: "a whole number from 0",
      holds: isCount,
    },
    {
      keys: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
      name: "a number",
      holds: (value) => typeof value === "number",
    },
    { keys: ["multipleOf"], name: "a number above 0", holds: (value) => typeof value === "number" && value > 0 },
    { keys: ["pattern", "format"], name: "a text", holds: (value) => typeof value === "string" },
    { keys: ["uniqueItems"], name: "true or false", holds: (value) => typeof value === "boolean" },
  ];

/** Bounds of a schema: subschemas, and references and alternatives without a step into a value. */
const mostSubschemas = 2_000;
const mostReferences = 200;
const mostWays = 1_000;

/** A longer string matches no pattern: a pattern takes a time in powers of its length. */
export const longestMatched = 1_000;

/**
 * Reads a schema file. It is JSON Schema of draft 2020-12 with the keywords above; `$ref` leads to a place in the same
 * file; the root is an object. The validator, which `schema.ts` loads, finds nothing more in nearly all files.
 */
export function examineSchema(source: SourceText): Result<JsonObject> {
  const read = readJson(source.text.replace(/^\ufeff/, ""));
  const diagnostics: Diagnostic[] = [];
  const complain: Complain = (path, message, help): void => {
    if (diagnostics.length < 20)
      diagnostics.push({
        ...{ severity: "error", code: "json-schema", message: `${pointer(path)}: ${message}` },
        ...{ span: spanOf(source, path), ...(help === undefined ? {} : { help }) },
      });
  };
  const document = read.ok ? read.value : undefined;
  if (!read.ok) complain([], read.problem, "a schema file is one JSON object");
  else if (!isObject(document)) complain([], "a schema file is one JSON object");
  else new Examination(document, complain).examine();
  return diagnostics.length > 0 || !isObject(document)
    ? { ok: false, diagnostics }
    : { ok: true, value: document, warnings: [] };
}

/** The error of a schema that the validator refuses. */
export function refused(source: SourceText, message: string): Result<never> {
  const span = spanOf(source, []);
  return {
    ok: false,
    diagnostics: [{ severity: "error", code: "json-schema", message: `the schema: ${message}`, span }],
  };
}

type Complain = (path: readonly string[], message: string, help?: string) => void;

/** Finds what a schema has that exp does not support. */
class Examination {
  private readonly document: JsonObject;
  private readonly complain: Complain;
  private subschemas = 0;
  private readonly ways = new Map<JsonObject, number>();

  constructor(document: JsonObject, complain: Complain) {
    this.document = document;
    this.complain = complain;
  }

  examine(): void {
    const { document, complain } = this;
    const { $schema: dialect } = document;
    if (dialect !== undefined && !dialects.includes(String(dialect).replace(/#$/, "")))
      complain(["$schema"], `the dialect ${JSON.stringify(dialect)} is not supported`, `use ${dialects[0]}`);
    this.schema(document, [], rootKeywords);
    const isClear = ["$ref", "anyOf", "oneOf"].every((key) => document[key] === undefined);
    if (isClear && document.type !== "object")
      complain([], "the root must have the type object", 'write "type": "object", with a property for a list');
    if (!isClear) complain([], "the root has $ref, anyOf or oneOf", "write the type and properties at the root");
    for (const key of ["$defs", "definitions"]) this.map(document[key], [key]);
  }

  private map(value: JsonValue | undefined, path: readonly string[]): void {
    if (value === undefined) return;
    if (!isObject(value)) this.complain(path, "must be an object of schemas");
    else for (const [key, child] of Object.entries(value)) this.schema(child, [...path, key], []);
  }

  private schema(value: JsonValue, path: readonly string[], more: readonly string[]): void {
    const { complain } = this;
    if (++this.subschemas > mostSubschemas) {
      if (this.subschemas === mostSubschemas + 1) complain(path, `more than ${mostSubschemas} subschemas`);
      return;
    }
    if (!isObject(value)) {
      complain(path, "a schema is an object", "write its type");
      return;
    }
    for (const key of Object.keys(value)) {
      if (keywords.includes(key) || more.includes(key)) continue;
      const help = suggestion(key, keywords, "supported") ?? `use ${keywords.slice(0, 10).join(", ")}`;
      complain([...path, key], `the keyword ${JSON.stringify(key)} is not supported`, help);
    }
    const { $ref: ref, type, properties, items, additionalProperties, pattern } = value;
    if (ref !== undefined && targetOf(this.document, ref) === undefined)
      complain(
        [...path, "$ref"],
        `${JSON.stringify(ref)} leads to no schema of this file`,
        'write "#/$defs/NAME": other files are not read',
      );
    const ways = this.waysOf(value);
    if (ways === Number.POSITIVE_INFINITY)
      complain(path, "the schema refers to itself", "refer to itself in a property");
    else if (ways > mostWays) complain(path, `more than ${mostWays} alternatives`, "write fewer of anyOf and oneOf");
    if (["type", "enum", "const", "anyOf", "oneOf", "$ref"].every((key) => value[key] === undefined))
      complain(path, "the schema has no type", 'write "type", "enum", "const", "anyOf" or "$ref"');
    const chosen = ["$ref", "anyOf", "oneOf", "enum", "const", "type"].filter((key) => value[key] !== undefined);
    const isTypedList = chosen.every((key) => key === "enum" || key === "const" || key === "type");
    if (chosen.length > 1 && !isTypedList)
      complain(path, `${chosen.join(" and ")} exclude each other`, "write the type within each alternative");
    const lacking = Array.isArray(value.required)
      ? (value.required as readonly JsonValue[]).filter(
          (key) => !isObject(properties) || !Object.hasOwn(properties, String(key)),
        )
      : [];
    if (lacking.length > 0)
      complain(
        [...path, "required"],
        `${JSON.stringify(lacking[0])} is required and has no property`,
        "add it to properties",
      );
    if (type === "array" && items === undefined) complain(path, "the array has no items", 'write "items"');
    if (additionalProperties !== undefined && typeof additionalProperties !== "boolean")
      complain([...path, "additionalProperties"], "must be true or false");
    if (typeof pattern === "string" && !isSimple(pattern))
      complain(
        [...path, "pattern"],
        "the pattern is too complex",
        "repeat no group, use at most two of * and +, few ? and {a,b}, and no look-around or back reference",
      );
    this.values(value, path);
    this.map(properties, [...path, "properties"]);
    if (items !== undefined) this.schema(items, [...path, "items"], []);
    for (const key of ["anyOf", "oneOf"] as const) {
      const list = value[key];
      if (Array.isArray(list)) {
        for (const [at, one] of (list as readonly JsonValue[]).entries())
          this.schema(one, [...path, key, String(at)], []);
      } else if (list !== undefined) complain([...path, key], "must be a list of schemas");
    }
  }

  /** The form of the values of keywords. */
  private values(schema: JsonObject, path: readonly string[]): void {
    for (const [key, value] of Object.entries(schema)) {
      const form = forms.find(({ keys }) => keys.includes(key));
      if (form !== undefined && !form.holds(value)) this.complain([...path, key], `must be ${form.name}`);
    }
  }

  /**
   * The number of ways through references, anyOf and oneOf: the time that the validator takes for one value. Infinite
   * if one leads back to its schema.
   */
  private waysOf(schema: JsonObject, chain: ReadonlySet<JsonObject> = new Set()): number {
    if (chain.has(schema) || chain.size > mostReferences) return Number.POSITIVE_INFINITY;
    const known = this.ways.get(schema);
    if (known !== undefined) return known;
    const longer = new Set([...chain, schema]);
    const found = nextOf(this.document, schema).reduce((sum, one) => sum + this.waysOf(one, longer), 0);
    this.ways.set(schema, Math.max(1, found));
    return Math.max(1, found);
  }
}

/** Steps that a regular expression may take for a text of `longestMatched` characters, each of a nanosecond. */
const mostSteps = 4e9;

/** Whether a regular expression repeats no group, and takes few steps, whatever the text is. */
function isSimple(pattern: string): boolean {
  if (pattern.length > 300) return false;
  const plain = pattern.replace(/\\[pP]\{[^}]*\}|\\./gs, (one) => (/^\\[1-9k]/.test(one) ? "(?=" : "x"));
  const outside = plain.replace(/\[[^[\]]*\]/g, "x");
  if (/\(\?(?!:)/.test(outside) || /\)[*+?{]/.test(outside)) return false;
  return stepsOf(outside.replaceAll("(?:", "(")) <= mostSteps;
}

/**
 * The most steps of an expression without classes and repeated groups: each repetition and alternative multiplies the
 * ways of a match, and each unbounded repetition and a free start have a way for each character.
 */
function stepsOf(expression: string): number {
  const parts = expression.match(/[()|]|(?:\{\d*,?\d*\}|[^()|])(?:[*+?]|\{\d+(?:,\d*)?\})?\??/gs) ?? [];
  let at = 0;
  const alternatives = (): number => {
    let sum = 0;
    let product = 1;
    for (; at < parts.length && parts[at] !== ")"; at++) {
      const part = parts[at] as string;
      if (part === "|") {
        sum += product;
        product = 1;
      } else if (part === "(") {
        at++;
        product *= alternatives();
      } else product *= repetitionsOf(part.slice(1));
    }
    return sum + product;
  };
  const ways = alternatives();
  return /^\^[^|]*$/.test(expression) ? ways : ways * longestMatched;
}

/** In how many ways a quantifier repeats one character. */
function repetitionsOf(quantifier: string): number {
  if (/^[*+]/.test(quantifier)) return longestMatched;
  if (quantifier.startsWith("?")) return 2;
  const [, low, comma, high] = /^\{(\d+)(,?)(\d*)\}/.exec(quantifier) ?? [];
  if (low === undefined || comma === "") return 1;
  const most = high === "" ? longestMatched : Math.min(Number(high), longestMatched);
  return Math.max(1, most - Number(low) + 1);
}

function pointer(path: readonly string[]): string {
  return path.length === 0
    ? "the schema"
    : `#/${path.map((key) => key.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
}

/** The place of a key: the first occurrence of each key of the path after that of the key before it. */
function spanOf(source: SourceText, path: readonly string[]) {
  let start = 0;
  let end = 0;
  for (const key of path) {
    const found = source.text.indexOf(`${JSON.stringify(key)}`, end);
    if (found < 0) continue;
    start = found;
    end = found + JSON.stringify(key).length;
  }
  return { source, start, end };
}
