import type { Cell } from "../../data/data-table.ts";
import { branchesOf, childrenOf, typesOf } from "./schema-walk.ts";
import { isObject, type JsonObject, type JsonValue, readJson } from "./value.ts";

/** What a schema states about one property of the target object. */
type Property = {
  readonly types: ReadonlySet<string>;
  readonly options: readonly JsonValue[];
  readonly items: ReadonlySet<string>;
  readonly isRequired: boolean;
};

export type CellsReading =
  | { readonly ok: true; readonly value: JsonObject }
  | { readonly ok: false; readonly problem: string };

/**
 * The object whose properties are cells of one row, with the types that the schema states. An empty cell is null if the
 * schema allows it, is left out if the property is optional, and is an empty text otherwise.
 */
export function readCells(cells: Readonly<Record<string, Cell>>, document: JsonObject | undefined): CellsReading {
  const value: Record<string, JsonValue> = {};
  for (const [name, cell] of Object.entries(cells)) {
    const property = propertyOf(name, document);
    const read = cellValue(cell, property);
    if (read === undefined) {
      return { ok: false, problem: `${JSON.stringify(name)} is ${shown(cell)}, which is no ${wanted(property)}` };
    }
    if (read !== absent) value[name] = read;
  }
  return { ok: true, value };
}

const absent = Symbol("absent");

function propertyOf(name: string, document: JsonObject | undefined): Property {
  const root = document === undefined ? [] : branchesOf(document, document);
  const schemas = document === undefined ? [] : childrenOf(document, [document], name);
  const all = document === undefined ? [] : schemas.flatMap((schema) => branchesOf(document, schema));
  const items = document === undefined ? [] : childrenOf(document, schemas, null);
  return {
    types: new Set(all.flatMap(typesOf)),
    options: all.flatMap((one) => (Array.isArray(one.enum) ? one.enum : one.const === undefined ? [] : [one.const])),
    items: new Set(items.flatMap((one) => branchesOf(document as JsonObject, one)).flatMap(typesOf)),
    isRequired: root.some(({ required }) => Array.isArray(required) && required.includes(name)),
  };
}

/** Undefined for a cell that has none of the property's types. */
function cellValue(cell: Cell, { types, options, items, isRequired }: Property): JsonValue | typeof absent | undefined {
  if (typeof cell !== "string") {
    const values = cell.map((one) => scalarOf(one, items.size === 0 ? anyText : items));
    return values.includes(undefined) ? undefined : (values as readonly JsonValue[]);
  }
  if (cell.trim() === "") {
    if (types.has("null")) return null;
    if (!isRequired) return absent;
    return types.size === 0 || types.has("string") ? "" : undefined;
  }
  const option = options.find((one) => typeof one === "string" && (one === cell || one === cell.trim()));
  if (option !== undefined) return option;
  if (types.has("object") || types.has("array")) {
    const read = readJson(cell);
    const isNested = read.ok && typeof read.value === "object" && read.value !== null;
    if (isNested && types.has(isObject(read.value) ? "object" : "array")) return read.value;
  }
  return scalarOf(cell, types.size === 0 ? anyText : types);
}

const anyText: ReadonlySet<string> = new Set(["string"]);

/** A number or truth value as JSON and spreadsheets write it, else the text. */
function scalarOf(cell: string, types: ReadonlySet<string>): JsonValue | undefined {
  const text = cell.trim();
  if (types.has("number") || types.has("integer")) {
    const read = readJson(text);
    if (read.ok && typeof read.value === "number") {
      // A text such as 007 is no JSON number; 5.0 is an integer.
      if (types.has("number") || Number.isInteger(read.value)) return read.value;
    }
  }
  if (types.has("boolean") && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (types.has("null") && text === "null" && !types.has("string")) return null;
  return types.has("string") ? cell : undefined;
}

const shown = (cell: Cell): string =>
  typeof cell !== "string"
    ? JSON.stringify(cell).slice(0, 60)
    : cell.trim() === ""
      ? "empty"
      : JSON.stringify(cell.slice(0, 60));

function wanted({ types }: Property): string {
  const names = [...types].map((type) =>
    type === "boolean" ? "true or false" : type === "array" ? "JSON list" : type,
  );
  return names.join(" or ") || "string";
}
