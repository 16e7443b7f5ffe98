import { existsSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { readStart } from "../util/regular-file.ts";
import { isFlag, isMap, isText, listOf, mapOf, optional, shape } from "../util/shape.ts";
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

/** Largest size of an upload record, in bytes. */
const sizeLimit = 16 * 2 ** 20;

const isUpload = shape({
  type: optional(isText),
  ...{ repo: isText, url: isText, private: isFlag, commit: isText, at: isText },
  files: mapOf(isMap),
});

/** The uploads in an upload record; undefined if it cannot be read. */
export function readUploads(path: string): readonly Upload[] | undefined {
  try {
    const { uploads } = JSON.parse(readStart(path, sizeLimit).toString("utf8")) as { readonly uploads?: unknown };
    return listOf(isUpload)(uploads) ? (uploads as readonly Upload[]) : undefined;
  } catch {
    return undefined;
  }
}

/** The uploads of a run, oldest first; none if its record cannot be read. */
export const uploadsOf = (run: FinishedRun): readonly Upload[] => readUploads(uploadRecord(run)) ?? [];

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
