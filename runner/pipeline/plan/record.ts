import type { Json } from "../../util/canonical.ts";

/** All that decides about reuse, kept in the clear so that a miss can name what changed. */
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

/** What the store keeps under a key: written last, so that its existence means completeness. */
export type StoreRecord = {
  readonly schema: 1;
  readonly key: string;
  readonly ingredients: Ingredients;
  /** Digest of the outputs: names the folder under store/objects/. */
  readonly object: string;
  /** Path relative to the object's folder -> file. A folder output is listed file by file. */
  readonly files: Readonly<Record<string, StoredFile>>;
  /** Device, driver, batch size that was used, seconds, peak memory: never part of the key. */
  readonly evidence: Readonly<Record<string, Json>>;
  /** ISO 8601, UTC. */
  readonly created: string;
  /** Wall-clock seconds that the step took, with those of the tries that it went on from. */
  readonly seconds: number;
};

/** Evidence of a step that paused: its work folder is kept, since another step may go on from there. */
export const paused = { paused: true } as const;

/** Whether a record is that of a step that paused. */
export function isPaused({ evidence }: Pick<StoreRecord, "evidence">): boolean {
  return evidence.paused === true;
}
