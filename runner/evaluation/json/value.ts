import { parse } from "lossless-json";

/** A JSON value. Numbers are doubles that hold every digit of their text. */
export type JsonValue = JsonScalar | readonly JsonValue[] | JsonObject;
export type JsonScalar = string | number | boolean | null;
export type JsonObject = { readonly [key: string]: JsonValue };

/** Bounds of one target or answer. */
export const limits = { characters: 200_000, depth: 32, values: 5_000, number: 1e18 } as const;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export type ReadJson =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly problem: string };

/**
 * Reads a text that is one JSON value (RFC 8259). Refuses what JSON readers disagree about: a key that occurs twice,
 * and a number with more digits than a double holds. Does not throw.
 */
export function readJson(text: string): ReadJson {
  const no = (problem: string): ReadJson => ({ ok: false, problem });
  if (text.length > limits.characters) return no(`more than ${limits.characters} characters`);
  if (depthOf(text) > limits.depth) return no(`nested more than ${limits.depth} levels deep`);
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    return no(`not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  if (/"__proto__"|\\u/.test(text) && hasKey(value, "__proto__")) return no('the key "__proto__"');
  let problem: string | undefined;
  parse(text, undefined, {
    parseNumber(number) {
      if (Math.abs(Number(number)) > limits.number)
        problem ??= `the number ${number.slice(0, 40)} is above ${limits.number}`;
      else if (significant(number) !== significant(String(Number(number))))
        problem ??= `the number ${number.slice(0, 40)} has more digits than a double holds`;
      return 0;
    },
    onDuplicateKey({ key }) {
      problem ??= `the key ${JSON.stringify(key.slice(0, 40))} occurs twice`;
      return 0;
    },
  });
  if (problem !== undefined) return no(problem);
  if (countOf(value) > limits.values) return no(`more than ${limits.values} values`);
  return { ok: true, value };
}

/** The digits of a number without its sign, its exponent, and zeros at both ends. */
function significant(number: string): string {
  const digits = number.replace(/[eE].*|[-.]/g, "").replace(/^0+/, "");
  return digits.replace(/(?<!0)0+$/, "");
}

/** Deepest nesting of brackets outside strings. */
function depthOf(text: string): number {
  let [depth, deepest, isString] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isString) {
      if (character === "\\") at++;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return deepest;
}

const children = (value: JsonValue): readonly JsonValue[] =>
  Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];

function countOf(value: JsonValue): number {
  return children(value).reduce<number>((sum, child) => sum + countOf(child), 1);
}

function hasKey(value: JsonValue, key: string): boolean {
  return (isObject(value) && Object.hasOwn(value, key)) || children(value).some((child) => hasKey(child, key));
}
