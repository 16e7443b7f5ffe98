import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { writeFileAtomic } from "../util/write-file.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** What one upload left on a hub. */
export type Upload = {
  /** What the repository is; absent in records of the time before predictions could be uploaded: a model. */
  readonly type?: "model" | "dataset";
  readonly repo: string;
  /** Page of the repository. */
  readonly url: string;
  readonly private: boolean;
  readonly commit: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly size: number; readonly sent: boolean }>>;
};

/** Where uploads are written down, beside the run's folder: its manifest is sealed before anything is uploaded. */
export const uploadRecord = ({ path }: FinishedRun): string => `${dirname(path)}.upload.json`;

/** Every upload of a run, oldest first. */
export function uploadsOf(run: FinishedRun): readonly Upload[] {
  try {
    const { uploads } = JSON.parse(readFileSync(uploadRecord(run), "utf8")) as { readonly uploads?: readonly Upload[] };
    return uploads ?? [];
  } catch {
    return [];
  }
}

/** Uploads of the run's model, oldest first. */
export const modelUploadsOf = (run: FinishedRun): readonly Upload[] =>
  uploadsOf(run).filter(({ type }) => type !== "dataset");

/** Writes an upload down; one that changed nothing since the last is that one. Gives the record's path. */
export function recordUpload(run: FinishedRun, upload: Upload): string {
  const path = uploadRecord(run);
  const before = uploadsOf(run);
  const last = before.findLast(({ url }) => url === upload.url);
  if (last?.commit === upload.commit && last.repo === upload.repo) return path;
  writeFileAtomic(path, `${JSON.stringify({ schema: 1, uploads: [...before, upload] }, null, 1)}\n`, { flush: true });
  return path;
}
