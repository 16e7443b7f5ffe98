import type { StoredFile } from "../../pipeline/plan/record.ts";

/** Where copies of finished steps lie by content: a folder on another disk, a bucket, a repository. Names have "/" between parts. */
export type RemoteStore = {
  /** Copies a local file to a name unless it is there in its size, and says whether it had to. */
  put(name: string, from: string, file: StoredFile): Promise<boolean>;
  /** Copies a file to a local path; false, and nothing stays there, where it is missing, cut short or damaged. */
  take(name: string, to: string, file: StoredFile): Promise<boolean>;
  /** A small file as text; undefined where there is none. */
  readText(name: string): Promise<string | undefined>;
  /** Writes a small file whole or not at all. */
  writeText(name: string, text: string): Promise<void>;
  /** Names in a folder; none where there is no such folder. */
  names(folder: string): Promise<readonly string[]>;
  /** Resolves when all that was put and written so far is there for others: called before what refers to it is written. */
  settle(): Promise<void>;
};
