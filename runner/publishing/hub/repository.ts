import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { datasetInfo, type ListFileEntry, modelInfo } from "@huggingface/hub";
import { type Hub, HubResponseError, hubParams } from "../../hub/connection.ts";
import { listRepository } from "../../hub/list-repository.ts";
import { type FailedCheck, failedCheck, type Release, type ReleaseFile } from "../release/release.ts";

/** The state of a repository on the hub. */
export type Repository = {
  readonly private: boolean;
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListFileEntry>;
};

/** Reads the repository of a release; undefined if it does not exist. Throws what `Hub.fetch` throws. */
export async function readRepository(hub: Hub, { type, repo }: Release): Promise<Repository | undefined> {
  try {
    const query = { name: repo, additionalFields: ["sha" as const], ...hubParams(hub) };
    const info = type === "model" ? await modelInfo(query) : await datasetInfo(query);
    const files = await listRepository(hub, { type, name: repo });
    return { private: info.private, commit: String(info.sha), files };
  } catch (error) {
    if (error instanceof HubResponseError && error.status === 404) return undefined;
    throw error;
  }
}

/** Files of a release that the repository lacks or that differ. */
export function changedFiles(repository: Repository | undefined, { files }: Release): readonly ReleaseFile[] {
  return files.filter((file) => !isEqual(repository?.files.get(file.path), file));
}

/** The hub lists large files by their SHA-256, small ones by git's SHA-1. */
function isEqual(entry: ListFileEntry | undefined, file: ReleaseFile): boolean {
  if (entry === undefined) return false;
  if (entry.lfs !== undefined) return entry.lfs.oid === file.sha256;
  return entry.size === file.size && entry.oid === gitDigest(file);
}

function gitDigest({ size, content }: ReleaseFile): string {
  const bytes = "text" in content ? content.text : readFileSync(content.file);
  return createHash("sha1").update(`blob ${size}\0`).update(bytes).digest("hex");
}

/** Files that a library loads as the model or a part of it. */
const isModel = (path: string): boolean =>
  /^(adapter_config\.json|adapter_model\.\w+|model.*\.safetensors|pytorch_model.*\.bin)$/.test(path);

/** Checks that a release may be uploaded into an existing repository. */
export function checkRepository(repository: Repository | undefined, release: Release): readonly FailedCheck[] {
  if (repository === undefined) return [];
  const own = new Set(release.files.map(({ path }) => path));
  const others =
    release.type === "model" ? [...repository.files.keys()].filter((path) => isModel(path) && !own.has(path)) : [];
  return [
    ...(release.private && !repository.private
      ? [
          failedCheck(
            "repo-public",
            `${release.repo} is public, but upload.private is true`,
            "make the repository private, or set upload.private: false",
          ),
        ]
      : []),
    ...(others.length > 0
      ? [
          failedCheck(
            "repo-occupied",
            `${release.repo} contains files of another model: ${others.join(", ")}`,
            "set another upload.repo, or delete these files on the hub",
          ),
        ]
      : []),
  ];
}
