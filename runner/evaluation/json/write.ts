import { isObject, type JsonValue } from "./value.ts";

/** A value as JSON on one line, with one space after each comma and colon: the form of taught targets. */
export function writeJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(writeJson).join(", ")}]`;
  if (isObject(value))
    return `{${Object.entries(value)
      .map(([key, one]) => `${JSON.stringify(key)}: ${writeJson(one)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}
