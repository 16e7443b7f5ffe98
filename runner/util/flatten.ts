import type { Json } from "./canonical.ts";

/** Every leaf of a configuration by its dotted key; lists are leaves. */
export function dotted(value: Json, path = ""): ReadonlyMap<string, Json> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return new Map([[path, value]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...dotted(inner, path === "" ? key : `${path}.${key}`)]),
  );
}
