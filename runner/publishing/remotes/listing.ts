import { posix } from "node:path";
import type { StoredFile } from "../../pipeline/plan/record.ts";

/**
 * Whether a value that came from a mirror lists files as a store does: paths that stay below their folder, each with a
 * digest and a size. What lies on a shared disk may have been written by anyone.
 */
export function isListing(value: unknown): value is Readonly<Record<string, StoredFile>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, file]) => isInside(name) && isFile(file));
}

function isInside(name: string): boolean {
  if (name === "" || name.includes("\\") || name.includes("\0") || posix.isAbsolute(name)) return false;
  const normal = posix.normalize(name);
  return normal === name && !normal.endsWith("/") && normal !== "." && normal.split("/")[0] !== "..";
}

function isFile(value: unknown): value is StoredFile {
  const { sha256, size } = (value ?? {}) as Partial<StoredFile>;
  return typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256) && Number.isSafeInteger(size) && Number(size) >= 0;
}
