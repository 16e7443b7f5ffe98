import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { modelUploadsOf, uploadRecord } from "../../runs/upload-record.ts";
import { digestAfresh } from "../../store/digest.ts";
import type { Evidence, Material } from "../checklist/checklist-item.ts";
import type { FinishedStudy } from "./finished-study.ts";

/** Names of files that the checklist asks for, as they stand in the project. */
const standing = { notebook: "notebooks/colab.ipynb", dockerfile: "Dockerfile", licence: "LICENSE" } as const;

/** What the checklist looks at, with the digests of the files as they are now. `standIn` has files that an export writes. */
export function materialOf(
  study: FinishedStudy,
  standIn: Partial<Record<keyof typeof standing, Evidence>> = {},
): Material {
  const { root, finished, runs } = study;
  const manifests: Record<string, Evidence> = {};
  const uploads: Record<string, Material["uploads"][string]> = {};
  for (const run of finished) {
    const { manifest, path } = run;
    const name = `${manifest.experiment}/${manifest.run}`;
    manifests[name] = evidenceOf(path, root);
    const upload = uploadOf(run, root);
    if (upload !== undefined) uploads[name] = upload;
  }
  const notes = runs.flatMap(({ config }) => config.report.notes ?? []).find((file) => existsSync(join(root, file)));
  const there = Object.entries(standing)
    .filter(([, file]) => existsSync(join(root, file)))
    .map(([name, file]) => [name, evidenceOf(join(root, file), root)]);
  return {
    ...study,
    manifests,
    uploads,
    ...(notes === undefined ? {} : { notesFile: evidenceOf(join(root, notes), root) }),
    ...Object.fromEntries(there),
    ...standIn,
  };
}

/** A file by its digest; its name relative to the project. */
function evidenceOf(path: string, root: string): Evidence {
  return { file: relative(root, path), sha256: digestAfresh(path).sha256 };
}

/** The last upload of a run, by its record. */
function uploadOf(run: FinishedRun, root: string): Material["uploads"][string] | undefined {
  const last = modelUploadsOf(run).at(-1);
  return last === undefined ? undefined : { repo: last.repo, record: evidenceOf(uploadRecord(run), root) };
}
