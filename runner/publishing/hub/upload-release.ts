import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { commitIter, createRepo } from "@huggingface/hub";
import { UserError } from "../../util/user-error.ts";
import type { Release, ReleaseFile } from "../release/release.ts";
import { asked, type Hub, HubRefusal, troubleOf } from "./connection.ts";
import { changedIn, lookAt, type Repository } from "./repository.ts";

/** What an upload did. */
export type Published = {
  /** The commit that holds the release now. */
  readonly commit: string;
  /** Paths that were sent; none where everything was there. */
  readonly sent: readonly string[];
};

/** Tries in a row in which nothing new has arrived. */
const tries = 5;
const longestWait = 60_000;

/**
 * Makes a repository hold a release: looks what is there, sends the rest in one commit, and looks again. Every try begins with
 * that look, so that what has arrived is not sent twice, whether the cut was in this process or in an earlier one.
 * Throws UserError with what the hub said last, or the signal's reason.
 */
export async function publish(release: Release, hub: Hub, tell: (message: string) => void): Promise<Published> {
  const sent = new Set<string>();
  const arrived = new Set<string>();
  for (let failed = 0; ; ) {
    const before = arrived.size;
    try {
      const commit = await once(release, hub, { sent, arrived, tell });
      return { commit, sent: [...sent] };
    } catch (error) {
      const { failure, passing, after } = troubleOf(error, hub, release.repo);
      failed = arrived.size > before ? 1 : failed + 1;
      if (!passing || failed >= tries) throw failure;
      tell(`${failure.message}; trying again`);
      await sleep(after ?? Math.min(longestWait, hub.firstWait * 2 ** (failed - 1)), undefined, { signal: hub.signal });
    }
  }
}

/** What tries have in common: files that were part of a commit, and those that storage has. */
type Told = { readonly sent: Set<string>; readonly arrived: Set<string>; readonly tell: (message: string) => void };

/** One try. Gives the commit that holds the release. */
async function once(release: Release, hub: Hub, told: Told): Promise<string> {
  const before = await lookAt(hub, release);
  const missing = changedIn(before, release);
  if (before !== undefined && missing.length === 0) return before.commit;
  if (before === undefined) await create(release, hub);
  const bytes = missing.reduce((sum, { size }) => sum + size, 0);
  told.tell(
    `sending ${missing.length} of ${release.files.length} files (${(bytes / 1e6).toFixed(1)} MB) to ${release.repo}`,
  );
  // Before it is sent: an answer may be lost, and the next look finds that all is there.
  for (const { path } of missing) told.sent.add(path);
  await send(release, missing, hub, told);
  const after = await lookAt(hub, release);
  return verified(after, release);
}

async function create({ type, repo, private: hidden }: Release, hub: Hub): Promise<void> {
  try {
    const visibility = hidden ? "private" : "public";
    await createRepo({ repo: { type, name: repo }, visibility, ...asked(hub) });
  } catch (error) {
    // Somebody made it in between: the next look says what it holds.
    if (!(error instanceof HubRefusal && error.status === 409)) throw error;
  }
}

async function send(
  { type, repo, title }: Release,
  files: readonly ReleaseFile[],
  hub: Hub,
  { arrived, tell }: Told,
): Promise<void> {
  const large = new Set(files.filter(({ size }) => size > worthTelling).map(({ path }) => path));
  // Not uploadFilesWithProgress, which asks by the global fetch whatever it is given.
  const events = commitIter({
    repo: { type, name: repo },
    operations: files.map(({ path, content }) => ({ operation: "addOrUpdate", path, content: blobOf(content) })),
    title: `Upload ${title}`,
    abortSignal: hub.signal,
    useXet: false,
    ...asked(hub),
  });
  for await (const event of events) {
    if (event.event !== "fileProgress" || event.state !== "uploading" || event.progress < 1) continue;
    if (large.has(event.path) && !arrived.has(event.path)) tell(`${event.path} is there`);
    arrived.add(event.path);
  }
}

/** Bytes of a file whose arrival is news. */
const worthTelling = 1e6;

const blobOf = (content: ReleaseFile["content"]): Blob | URL =>
  "text" in content ? new Blob([content.text]) : pathToFileURL(content.file);

/** The commit that a look has found to hold every file. */
function verified(repository: Repository | undefined, release: Release): string {
  const wrong = changedIn(repository, release).map(({ path }) => path);
  if (repository !== undefined && wrong.length === 0) return repository.commit;
  throw new UserError("upload-differs", `${release.repo} does not hold what was sent: ${wrong.join(", ")}`, {
    help: "run exp upload again; if it stays so, look at the repository's history",
  });
}
