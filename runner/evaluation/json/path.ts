import type { JsonValue } from "./value.ts";

/** A key as a step of a path. Keys with other characters than letters, digits, "_", "$" and "-" are quoted. */
const step = (key: string): string => (/^[\p{L}\p{N}_$-]+$/u.test(key) ? key : `[${JSON.stringify(key)}]`);

/** The path of a property: "customer.name". The root has the path "". */
export function keyPath(parent: string, key: string): string {
  const own = step(key);
  return parent === "" || own.startsWith("[") ? parent + own : `${parent}.${own}`;
}

/** A path within a value that has a path. */
export function joinPaths(parent: string, path: string): string {
  return path === "" || path.startsWith("[") ? parent + path : `${parent}.${path}`;
}

/** A value with its place, as tables show it: `customer.name: "Ada"`. */
export const part = (place: string, value: JsonValue): string => `${place}: ${JSON.stringify(value)}`;

/** The place in a part, which ends at the first colon outside quotes. */
export function placeOfPart(text: string): string {
  return /^(?:\["(?:[^"\\]|\\.)*"\]|[^:["]|\[\d*\])*/.exec(text)?.[0] ?? "";
}
