import { join, relative } from "node:path";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { modelUploadsOf, uploadRecord } from "../../runs/upload-record.ts";
import { digestUncached } from "../../store/digest.ts";
import { gitIn } from "../../util/git.ts";
import { fileInside } from "../../util/inside.ts";
import type { ChecklistInput, Evidence } from "../checklist/checklist-item.ts";
import type { FinishedStudy } from "./finished-study.ts";

/** Project files that are evidence for checklist items. */
const projectFiles = { notebook: "notebooks/colab.ipynb", dockerfile: "Dockerfile", licence: "LICENSE" } as const;

/** The input of the checklist, with current digests. `overrides` replaces project files by those that an export writes. */
export function checklistInputOf(
  study: FinishedStudy,
  overrides: Partial<Record<keyof typeof projectFiles, Evidence>> = {},
): ChecklistInput {
  const { root, finished, runs } = study;
  const manifests: Record<string, Evidence> = {};
  const uploads: Record<string, ChecklistInput["uploads"][string]> = {};
  for (const run of finished) {
    const { manifest, path } = run;
    const name = `${manifest.experiment}/${manifest.run}`;
    manifests[name] = evidenceOf(path, root);
    const upload = uploadOf(run, root);
    if (upload !== undefined) uploads[name] = upload;
  }
  const notes = runs.flatMap(({ config }) => config.report.notes ?? []).find((file) => fileInside(root, file));
  const existing = Object.entries(projectFiles)
    .filter(([, file]) => fileInside(root, file))
    .map(([name, file]) => [name, evidenceOf(join(root, file), root)]);
  return {
    ...study,
    manifests,
    uploads,
    repository: remoteOf(root),
    ...(notes === undefined ? {} : { notesFile: evidenceOf(join(root, notes), root) }),
    ...Object.fromEntries(existing),
    ...overrides,
  };
}

/** The address of the project's repository, without credentials; undefined if it has none. */
function remoteOf(root: string): string | undefined {
  try {
    return gitIn(root)("config", "--get", "remote.origin.url").replace(/^(\w+:\/\/)[^/@]*@/, "$1") || undefined;
  } catch {
    return undefined;
  }
}

/** A file with its digest and its path relative to the project. */
function evidenceOf(path: string, root: string): Evidence {
  return { file: relative(root, path), sha256: digestUncached(path).sha256 };
}

/** The last upload of a run. */
function uploadOf(run: FinishedRun, root: string): ChecklistInput["uploads"][string] | undefined {
  const last = modelUploadsOf(run).at(-1);
  return last === undefined ? undefined : { repo: last.repo, record: evidenceOf(uploadRecord(run), root) };
}
