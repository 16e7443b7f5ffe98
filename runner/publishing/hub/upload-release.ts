import { pathToFileURL } from "node:url";
import { createRepo } from "@huggingface/hub";
import { commitFiles } from "../../hub/commit.ts";
import { type Hub, HubResponseError, hubParams } from "../../hub/connection.ts";
import { retryHub } from "../../hub/retry.ts";
import { UserError } from "../../util/user-error.ts";
import type { Release, ReleaseFile } from "../release/release.ts";
import { changedFiles, checkRepository, type Repository, readRepository } from "./repository.ts";

/** The result of an upload. */
export type UploadedRelease = {
  /** The commit that holds the release. */
  readonly commit: string;
  /** Paths that were sent; none if the repository had every file. */
  readonly sent: readonly string[];
};

/**
 * Uploads a release: reads the repository, sends the missing files in one commit, and reads the repository again. Every
 * attempt starts with the first step, so that no file is sent twice, also if an earlier process was interrupted. Throws
 * UserError with the last failure, or the signal's reason.
 */
export async function uploadRelease(
  release: Release,
  hub: Hub,
  notify: (message: string) => void,
): Promise<UploadedRelease> {
  const progress: Progress = { sent: new Set(), arrived: new Set(), notify };
  let arrivedBefore = 0;
  const attempt = (): Promise<string> => {
    arrivedBefore = progress.arrived.size;
    return uploadMissing(release, hub, progress);
  };
  const commit = await retryHub(hub, release.repo, attempt, {
    onRetry: (failure) => notify(`${failure.message}; trying again`),
    hasProgressed: () => progress.arrived.size > arrivedBefore,
  });
  return { commit, sent: [...progress.sent] };
}

/** State that attempts share: files that were part of a commit, and files that the hub's storage has. */
type Progress = {
  readonly sent: Set<string>;
  readonly arrived: Set<string>;
  readonly notify: (message: string) => void;
};

/** One attempt. Returns the commit that holds the release. */
async function uploadMissing(release: Release, hub: Hub, progress: Progress): Promise<string> {
  let before = await readRepository(hub, release);
  if (before === undefined) {
    await create(release, hub);
    before = await readRepository(hub, release);
  }
  // It may have become public since it was checked, and a server may ignore the request for a private one.
  expectPermitted(before, release);
  const missing = changedFiles(before, release);
  if (before !== undefined && missing.length === 0) return before.commit;
  const bytes = missing.reduce((sum, { size }) => sum + size, 0);
  progress.notify(
    `sending ${missing.length} of ${release.files.length} files (${(bytes / 1e6).toFixed(1)} MB) to ${release.repo}`,
  );
  // Noted before they are sent: if the response is lost, the next attempt finds the files in the repository.
  for (const { path } of missing) progress.sent.add(path);
  await send(release, missing, hub, progress);
  const after = await readRepository(hub, release);
  // The user must know if it has become public meanwhile.
  expectPermitted(after, release);
  return commitWithAll(after, release);
}

/** Throws UserError with the first check of `checkRepository` that fails. */
function expectPermitted(repository: Repository | undefined, release: Release): void {
  const [wrong] = checkRepository(repository, release);
  if (wrong !== undefined) throw new UserError(wrong.code, wrong.message, { help: wrong.help, status: "refused" });
}

async function create({ type, repo, private: isPrivate }: Release, hub: Hub): Promise<void> {
  try {
    const visibility = isPrivate ? "private" : "public";
    await createRepo({ repo: { type, name: repo }, visibility, ...hubParams(hub) });
  } catch (error) {
    // Another process has created it meanwhile. The next read shows its content.
    if (!(error instanceof HubResponseError && error.status === 409)) throw error;
  }
}

async function send(
  { type, repo, title }: Release,
  files: readonly ReleaseFile[],
  hub: Hub,
  { arrived, notify }: Progress,
): Promise<void> {
  const large = new Set(files.filter(({ size }) => size > largeFile).map(({ path }) => path));
  // Not uploadFilesWithProgress, which ignores the given fetch.
  const events = commitFiles(hub, {
    repo: { type, name: repo },
    operations: files.map(({ path, content }) => ({ operation: "addOrUpdate", path, content: blobOf(content) })),
    title: `Upload ${title}`,
  });
  for await (const event of events) {
    if (event.event !== "fileProgress" || event.state !== "uploading" || event.progress < 1) continue;
    if (large.has(event.path) && !arrived.has(event.path)) notify(`sent ${event.path}`);
    arrived.add(event.path);
  }
}

/** Size from which the upload of a file is reported. Bytes */
const largeFile = 1e6;

const blobOf = (content: ReleaseFile["content"]): Blob | URL =>
  "text" in content ? new Blob([content.text]) : pathToFileURL(content.file);

/** The commit of a repository that holds every file of a release. Throws UserError: upload-differs. */
function commitWithAll(repository: Repository | undefined, release: Release): string {
  const wrong = changedFiles(repository, release).map(({ path }) => path);
  if (repository !== undefined && wrong.length === 0) return repository.commit;
  throw new UserError("upload-differs", `${release.repo} lacks files that were sent, or differs: ${wrong.join(", ")}`, {
    help: "run exp upload again. If the error remains, check the history of the repository",
  });
}
