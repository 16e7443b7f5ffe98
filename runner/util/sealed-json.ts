import { sha256 } from "./canonical.ts";

/**
 * JSON text of a map with a last key `digest`: SHA-256 of the JSON text, without white space, of the other keys in their order.
 * It shows damage and edits. It proves no author: whoever writes the file can compute it.
 */
export function sealedJson(value: object, indent?: number): string {
  return `${JSON.stringify({ ...value, digest: sha256(JSON.stringify(value)) }, null, indent)}\n`;
}

/** The map in a parsed JSON file that `sealedJson` wrote, without its digest; undefined if it differs from its digest. */
export function unsealed(value: unknown): object | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { digest, ...rest } = value as { readonly digest?: unknown };
  return digest === sha256(JSON.stringify(rest)) ? rest : undefined;
}
