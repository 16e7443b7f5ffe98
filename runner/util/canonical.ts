import { hash } from "node:crypto";

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * JSON with sorted keys and without white space, so that equal values give equal text. Throws TypeError on values that
 * JSON cannot express (NaN, infinity, undefined): different inputs must not give equal text.
 */
export function canonicalJson(value: Json): string {
  return written(value, canonicalJson);
}

/** `inner` writes the values in a list or map. */
function written(value: Json, inner: (value: Json) => string): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON cannot hold ${value}`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(inner).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`canonical JSON cannot hold ${typeof value}`);
  const map = value as { readonly [key: string]: Json };
  let text = "{";
  const keys = Object.keys(map);
  for (const key of isSorted(keys) ? keys : keys.sort()) {
    text += `${text.length > 1 ? "," : ""}${quoted(key)}:${inner(map[key] as Json)}`;
  }
  return `${text}}`;
}

function isSorted(keys: readonly string[]): boolean {
  for (let at = 1; at < keys.length; at++) if ((keys[at - 1] as string) > (keys[at] as string)) return false;
  return true;
}

/** Text without characters that JSON escapes: nearly every name, path and digest. */
const plain = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

const remembered = new WeakMap<object, string>();

/**
 * canonicalJson of a value that no longer changes, computed once: the parameters of a step are part of several digests,
 * and sections of the configuration are part of the parameters of many steps.
 */
export function canonicalJsonOnce(value: Json): string {
  if (typeof value !== "object" || value === null) return canonicalJson(value);
  let text = remembered.get(value);
  if (text === undefined) {
    text = written(value, frozenOnce);
    remembered.set(value, text);
  }
  return text;
}

const frozenOnce = (value: Json): string =>
  typeof value === "object" && value !== null && Object.isFrozen(value)
    ? canonicalJsonOnce(value)
    : written(value, frozenOnce);

/** Lower-case hexadecimal SHA-256 of bytes, or of a text's UTF-8 bytes. */
export function sha256(content: string | Uint8Array): string {
  return hash("sha256", content);
}
