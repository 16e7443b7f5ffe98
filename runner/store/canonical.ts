import { hash } from "node:crypto";

/**
 * Writes a value as JSON in the one form that keys are made of: object keys sorted by code unit, no spaces, `-0` as `0`.
 * Throws a TypeError that names the place of anything that JSON would drop or bend (undefined, NaN, Infinity, Date, Map).
 */
export function canonical(value: unknown): string {
  return write(value, "$");
}

/** SHA-256 of bytes, or of a text's UTF-8 bytes, as 64 lower-case hex digits. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

function write(value: unknown, at: string): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${at} is ${value}, which JSON cannot write`);
      return value === 0 ? "0" : String(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? writeList(value, at) : writeMap(value, at);
    default:
      throw new TypeError(`${at} is ${typeof value}, which JSON cannot write`);
  }
}

function writeList(list: readonly unknown[], at: string): string {
  let text = "[";
  for (let index = 0; index < list.length; index++) {
    if (index > 0) text += ",";
    text += write(list[index], `${at}[]`);
  }
  return `${text}]`;
}

function writeMap(map: object, at: string): string {
  const prototype = Object.getPrototypeOf(map);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new TypeError(`${at} is a ${prototype.constructor?.name ?? "class instance"}, not a plain object`);
  }
  const entries = map as Record<string, unknown>;
  let text = "{";
  for (const name of Object.keys(entries).sort()) {
    if (text.length > 1) text += ",";
    text += `${JSON.stringify(name)}:${write(entries[name], `${at}.${name}`)}`;
  }
  return `${text}}`;
}
