import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Evidence, Material } from "../checklist/item.ts";
import { digestAfresh } from "../store/digest.ts";
import type { FinishedStudy } from "./finished.ts";

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
  for (const { manifest, path } of finished) {
    const name = `${manifest.experiment}/${manifest.run}`;
    manifests[name] = evidenceOf(path, root);
    const upload = uploadOf(dirname(path), root);
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

/** What an upload wrote beside the manifest. */
function uploadOf(folder: string, root: string): Material["uploads"][string] | undefined {
  const path = join(folder, "upload.json");
  if (!existsSync(path)) return undefined;
  const { repo } = JSON.parse(readFileSync(path, "utf8")) as { readonly repo?: unknown };
  return typeof repo === "string" ? { repo, record: evidenceOf(path, root) } : undefined;
}
