import { existsSync, readFileSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { writeFileAtomic } from "../util/write-file.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** One upload to the hub. */
export type Upload = {
  /** Type of the repository. Absent in records of older versions, which uploaded models only. */
  readonly type?: "model" | "dataset";
  readonly repo: string;
  /** URL of the repository. */
  readonly url: string;
  readonly private: boolean;
  readonly commit: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly size: number; readonly sent: boolean }>>;
};

/** Path of a run's upload record. It is outside the run's folder, which does not change after sealing. */
export const uploadRecord = ({ path }: FinishedRun): string => `${dirname(path)}.upload.json`;

/** The uploads of a run, oldest first. */
export function uploadsOf(run: FinishedRun): readonly Upload[] {
  try {
    const { uploads } = JSON.parse(readFileSync(uploadRecord(run), "utf8")) as { readonly uploads?: readonly Upload[] };
    return uploads ?? [];
  } catch {
    return [];
  }
}

/** The uploads of a run's model, oldest first. */
export const modelUploadsOf = (run: FinishedRun): readonly Upload[] =>
  uploadsOf(run).filter(({ type }) => type !== "dataset");

/** Adds an upload to the record, unless it is the last one of its repository. Returns the path of the record. */
export function recordUpload(run: FinishedRun, upload: Upload): string {
  const path = uploadRecord(run);
  const before = uploadsOf(run);
  // A record that cannot be read is kept for its reader, and not overwritten.
  if (before.length === 0 && existsSync(path)) renameSync(path, `${path}.torn`);
  const last = before.findLast(({ url }) => url === upload.url);
  if (last?.commit === upload.commit && last.repo === upload.repo) return path;
  writeFileAtomic(path, `${JSON.stringify({ schema: 1, uploads: [...before, upload] }, null, 1)}\n`, { flush: true });
  return path;
}
