import { hash } from "node:crypto";

/** A value that canonical JSON can write: what keys are made of. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * JSON with sorted keys and no white space: equal values give equal text, whatever order their maps were written in.
 * Throws on what JSON cannot say (NaN, infinity, undefined), which would otherwise make different inputs look equal.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON cannot hold ${value}`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`canonical JSON cannot hold ${typeof value}`);
  const map = value as { readonly [key: string]: Json };
  let text = "{";
  for (const key of Object.keys(map).sort()) {
    text += `${text.length > 1 ? "," : ""}${quoted(key)}:${canonicalJson(map[key] as Json)}`;
  }
  return `${text}}`;
}

/** What needs no escape in JSON: nearly every name, path and digest. */
const plain = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

const remembered = new WeakMap<object, string>();

/** The same of a value that nobody changes any more, made once: steps' parameters and sources go into several digests. */
export function canonicalJsonOnce(value: Json): string {
  if (typeof value !== "object" || value === null) return canonicalJson(value);
  let text = remembered.get(value);
  if (text === undefined) {
    text = canonicalJson(value);
    remembered.set(value, text);
  }
  return text;
}

/** Lower-case hexadecimal SHA-256 of a text's UTF-8 bytes. */
export function sha256(text: string): string {
  return hash("sha256", text);
}
