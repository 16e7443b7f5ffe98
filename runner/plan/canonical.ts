import { createHash } from "node:crypto";
import type { Json } from "./step.ts";

/**
 * JSON with sorted keys and no white space: equal values give equal text, whatever order their maps were written in.
 * Throws on what JSON cannot say (NaN, infinity, undefined), which would otherwise make different inputs look equal.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === "string") return JSON.stringify(value);
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
    text += `${text.length > 1 ? "," : ""}${JSON.stringify(key)}:${canonicalJson(map[key] as Json)}`;
  }
  return `${text}}`;
}

/** Lower-case hexadecimal SHA-256 of a text's UTF-8 bytes. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
