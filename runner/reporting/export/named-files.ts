import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { refuseForeignFiles } from "../../project/authorship.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { foreignOrigin } from "../../runs/run-origin.ts";
import { fileInside } from "../../util/inside.ts";

/** Experiments and author notes, which no step reads, so that a manifest has no digest of them. */
const undigested = /\.(ya?ml|md)$/;

/**
 * The path of a project's file that a manifest names, for a report or an export. A manifest from elsewhere could name any file of
 * the project, such as `.env`. So of it, a file must have the content that the run recorded, or be an experiment or notes outside
 * hidden folders. Undefined otherwise, and if it is no file of the project. Throws UserError `linked-file`.
 */
export function namedFile(run: FinishedRun, name: string, { root, artifacts }: Place): string | undefined {
  const path = ownFile(root, name);
  if (path === undefined || foreignOrigin(run, artifacts) === undefined) return path;
  const recorded = run.manifest.provenance.sources[name];
  if (recorded !== undefined) return recorded === digestOf(readFileSync(path)) ? path : undefined;
  const isHidden = name.split("/").some((part) => part.startsWith("."));
  return !isHidden && undigested.test(name) ? path : undefined;
}

/**
 * The path of a regular file of a project; undefined if there is none. Throws UserError `linked-file` if another author
 * made a link on the way to it.
 */
export function ownFile(root: string, name: string): string | undefined {
  const path = fileInside(root, name);
  if (path !== undefined) refuseForeignFiles(root, [path]);
  return path;
}

type Place = { readonly root: string; readonly artifacts: string };

/** SHA-256 of a file's content. */
export function digestOf(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
