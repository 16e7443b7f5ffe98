import type { StoredFile } from "../../pipeline/plan/record.ts";

/**
 * A place for copies of stored files: a folder on another disk, a bucket, a dataset repository. layout.ts defines the names.
 * Names have "/" between their parts.
 */
export type RemoteStore = {
  /** Copies a local file, unless a file with this name and size exists. Returns whether it copied. */
  put(name: string, from: string, file: StoredFile): Promise<boolean>;
  /** Copies a file to a local path. If it is missing, truncated or damaged, leaves no file and gives false. */
  take(name: string, to: string, file: StoredFile): Promise<boolean>;
  /** Reads a small file; undefined if it does not exist. */
  readText(name: string): Promise<string | undefined>;
  /** Writes a small file atomically. */
  writeText(name: string, text: string): Promise<void>;
  /** Names in a folder; none if it does not exist. */
  names(folder: string): Promise<readonly string[]>;
  /** Resolves when everything written so far is visible to other machines. Call it before writing what refers to it. */
  settle(): Promise<void>;
};
