import { posix } from "node:path";
import type { Json } from "../../util/canonical.ts";

/** Everything that determines a key. It is stored in readable form, so that a miss can name what changed. */
export type Ingredients = {
  readonly kind: string;
  readonly version: number;
  readonly params: Json;
  /** Logical name -> sha256 of a source's bytes. */
  readonly sources: Readonly<Record<string, string>>;
  /** Logical name -> sha256 of an upstream file's bytes. */
  readonly inputs: Readonly<Record<string, string>>;
};

/** One stored file: its sha256 and size in bytes. */
export type StoredFile = { readonly sha256: string; readonly size: number };

/** What the store has under a key. It is written last, so a record implies a complete output. */
export type StoreRecord = {
  readonly schema: 2;
  readonly key: string;
  readonly ingredients: Ingredients;
  /** Digest of the outputs, and name of their folder under store/objects/. */
  readonly object: string;
  /** Path relative to the object's folder -> file. An output that is a folder is listed file by file. */
  readonly files: Readonly<Record<string, StoredFile>>;
  /** Device, driver, batch size, seconds, peak memory. Never part of a key. */
  readonly evidence: Readonly<Record<string, Json>>;
  /** ISO 8601, UTC. */
  readonly created: string;
  /** Wall-clock seconds of the step over all attempts that it resumed. */
  readonly seconds: number;
};

/** Evidence of a step that paused: its work folder is kept for the step that resumes it. */
export const paused = { paused: true } as const;

/** Whether the record is that of a paused step. */
export function isPaused({ evidence }: Pick<StoreRecord, "evidence">): boolean {
  return evidence.paused === true;
}

/** Whether a value that was read from a file is a listing: paths that stay in their folder, each with a digest and a size. */
export function isListing(value: unknown): value is Readonly<Record<string, StoredFile>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, file]) => isInnerPath(name) && isStoredFile(file));
}

/** Whether a path is relative, in its shortest form, and stays in its folder. */
export function isInnerPath(name: unknown): name is string {
  if (typeof name !== "string" || name === "" || /[\\\0]/.test(name) || posix.isAbsolute(name)) return false;
  return posix.normalize(name) === name && !name.endsWith("/") && name !== "." && name.split("/")[0] !== "..";
}

function isStoredFile(value: unknown): value is StoredFile {
  const { sha256, size } = (value ?? {}) as Partial<StoredFile>;
  return isDigest(sha256) && Number.isSafeInteger(size) && Number(size) >= 0;
}

/** Whether a value is a SHA-256 in lower-case hexadecimal digits. */
export function isDigest(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}
