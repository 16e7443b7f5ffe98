import { isLosslessNumber, parse, stringify } from "lossless-json";
import type { Cell } from "./data-table.ts";

/** A number that would lose digits or its spelling in a double: a long id, 1.0, 1e5. A text may match too. */
const spelling = /[\d.]{16}|\d\.\d*0(?!\d)|\d[eE]|-0|0\.000000/;

/**
 * A JSON value whose numbers keep their spelling as `LosslessNumber`, where a double would change it. Throws
 * SyntaxError, and RangeError for a value that is nested too deeply.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return spelling.test(text) ? parse(text) : value;
}

/** A value as a cell: a text, the items of a list of texts, numbers and booleans, or the JSON of any other value. */
export function asCell(value: unknown): Cell {
  if (Array.isArray(value) && value.every(isScalar)) return value.map(String);
  return isScalar(value) ? String(value) : value === null || value === undefined ? "" : (stringify(value) as string);
}

/** Whether a value is a text, number or boolean. */
export function isScalar(value: unknown): boolean {
  return ["string", "number", "bigint", "boolean"].includes(typeof value) || isLosslessNumber(value);
}

/** Whether a cell has a JSON object. */
export function isObject(cell: Cell): boolean {
  if (typeof cell !== "string" || !/^\s*\{/.test(cell) || !cell.trimEnd().endsWith("}")) return false;
  try {
    return typeof JSON.parse(cell) === "object";
  } catch {
    return false;
  }
}
