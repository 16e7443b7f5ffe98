import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { datasetInfo, type ListFileEntry, listFiles, modelInfo } from "@huggingface/hub";
import { type Refusal, type Release, type ReleaseFile, refusal } from "../release/release.ts";
import { asked, type Hub, HubRefusal } from "./connection.ts";

/** A repository as it stands on the hub. */
export type Repository = {
  readonly private: boolean;
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListFileEntry>;
};

/** Looks at a release's repository; undefined where there is none. Throws what the connection throws. */
export async function lookAt(hub: Hub, { type, repo }: Release): Promise<Repository | undefined> {
  try {
    const ask = { name: repo, additionalFields: ["sha" as const], ...asked(hub) };
    const info = type === "model" ? await modelInfo(ask) : await datasetInfo(ask);
    const files = new Map<string, ListFileEntry>();
    for await (const entry of listFiles({ repo: { type, name: repo }, recursive: true, ...asked(hub) })) {
      if (entry.type === "file") files.set(entry.path, entry);
    }
    return { private: info.private, commit: String(info.sha), files };
  } catch (error) {
    if (error instanceof HubRefusal && error.status === 404) return undefined;
    throw error;
  }
}

/** Files of a release that the repository lacks, or has with other bytes. */
export function changedIn(repository: Repository | undefined, { files }: Release): readonly ReleaseFile[] {
  return files.filter((file) => !succeeded(repository?.files.get(file.path), file));
}

/** Large files are listed by their SHA-256, small ones by git's SHA-1 of them. */
function succeeded(entry: ListFileEntry | undefined, file: ReleaseFile): boolean {
  if (entry === undefined) return false;
  if (entry.lfs !== undefined) return entry.lfs.oid === file.sha256;
  return entry.size === file.size && entry.oid === gitDigest(file);
}

function gitDigest({ size, content }: ReleaseFile): string {
  const bytes = "text" in content ? content.text : readFileSync(content.file);
  return createHash("sha1").update(`blob ${size}\0`).update(bytes).digest("hex");
}

/** Files that a library would load as the model, or as a part of it. */
const isModel = (path: string): boolean =>
  /^(adapter_config\.json|adapter_model\.\w+|model.*\.safetensors|pytorch_model.*\.bin)$/.test(path);

/** Why a release must not go into a repository that is there already. */
export function repositoryRefusals(repository: Repository | undefined, release: Release): readonly Refusal[] {
  if (repository === undefined) return [];
  const own = new Set(release.files.map(({ path }) => path));
  const others =
    release.type === "model" ? [...repository.files.keys()].filter((path) => isModel(path) && !own.has(path)) : [];
  return [
    ...(release.private && !repository.private
      ? [
          refusal(
            "repo-public",
            `${release.repo} is public, and upload.private is true`,
            "make it private on its page, or write upload.private: false",
          ),
        ]
      : []),
    ...(others.length > 0
      ? [
          refusal(
            "repo-occupied",
            `${release.repo} holds another model's ${others.join(", ")}, which would be loaded with this one`,
            "write another upload.repo, or delete these files on its page",
          ),
        ]
      : []),
  ];
}
