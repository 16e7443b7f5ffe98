import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { mkdir, open, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { HubApiError, listFiles } from "@huggingface/hub";
import pRetry, { AbortError } from "p-retry";
import { boundedFetch, type ResponseLimits, transferLimits } from "../util/bounded-fetch.ts";
import { amount } from "../util/format.ts";
import { ListingLimits } from "../util/listing-limits.ts";
import { fileLimits, readRegularFile, readStart } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import { libraryToken, withToken } from "./connection.ts";
import { type DatasetPart, filesOfPart } from "./dataset-files.ts";
import { explainHub } from "./failure.ts";
import { datasetFolder, datasetSnapshot } from "./places.ts";

/** The hub and its cache on this machine. */
export type DatasetAccess = {
  /** Without a slash at its end. */
  readonly url: string;
  readonly cache: string;
  readonly token: string | undefined;
  /** No request is sent. */
  readonly isOffline: boolean;
  readonly signal: AbortSignal;
  /** Wait before the first retry. ms */
  readonly firstWait?: number;
  progress?(progress: { readonly done: number; readonly total: number; readonly message: string }): void;
};

/** A file of a data set. `sha256` is that of the content in the cache. */
export type DatasetFile = { readonly path: string; readonly size: number; readonly sha256: string };

/** The files of one part, in the order of their rows. */
export type FetchedPart = DatasetPart & { readonly files_read: readonly DatasetFile[] };

/** A file as the hub lists it. `sha256` is that of a large file; `oid` is the digest of git for any other. */
type Listed = { readonly path: string; readonly size: number; readonly oid: string; readonly sha256?: string };

/** Largest README that is read. Bytes */
const readmeLimit = 4 * 2 ** 20;

/**
 * Downloads the files of each part that the cache lacks, and checks the digest of every file. A file that the cache has needs no
 * network. Throws UserError: dataset-part, dataset-not-found, revision-missing, gated, token-refused, hub-error, offline,
 * not-fetched, download-damaged, file-too-large.
 */
export async function fetchDataset(
  parts: Readonly<Record<string, DatasetPart>>,
  access: DatasetAccess,
): Promise<Readonly<Record<string, FetchedPart>>> {
  const fetched: Record<string, FetchedPart> = {};
  const all = Object.entries(parts);
  const wanted: { readonly name: string; readonly part: DatasetPart; readonly files: readonly Listed[] }[] = [];
  for (const [name, part] of all) wanted.push({ name, part, files: await listedFiles(name, part, access) });
  const total = wanted.reduce((sum, { files }) => sum + files.reduce((all, { size }) => all + size, 0), 0);
  let done = 0;
  for (const { name, part, files } of wanted) {
    const read: DatasetFile[] = [];
    for (const file of files) {
      const report = (bytes: number): void =>
        access.progress?.({ done: done + bytes, total, message: `${part.hub}: ${file.path}` });
      read.push(await present(part, file, report, access));
      done += file.size;
    }
    fetched[name] = { ...part, files_read: read };
  }
  return fetched;
}

/** Whether the cache lists the data set of a part, and has every file of it. Uses no network. Throws UserError `dataset-part`. */
export function isFetched(name: string, part: DatasetPart, cache: string): boolean {
  const known = knownListing(part, cache);
  if (known === undefined) return false;
  const folder = datasetSnapshot(cache, part.hub, part.revision);
  const readme = join(folder, "README.md");
  const paths = known.map(({ path }) => path);
  if (paths.includes("README.md") && !existsSync(readme)) return false;
  const text = existsSync(readme) ? readStart(readme, readmeLimit).toString("utf8") : undefined;
  return filesOfPart(part, name, { paths, readme: text }).every((path) => existsSync(join(folder, path)));
}

async function listedFiles(name: string, part: DatasetPart, access: DatasetAccess): Promise<readonly Listed[]> {
  const listing = await listingOf(part, access);
  const byPath = new Map(listing.map((file) => [file.path, file]));
  const readme = byPath.get("README.md");
  if (readme !== undefined && readme.size <= readmeLimit) await present(part, readme, () => undefined, access);
  const path = join(datasetSnapshot(access.cache, part.hub, part.revision), "README.md");
  const text = existsSync(path) ? readStart(path, readmeLimit).toString("utf8") : undefined;
  const files = filesOfPart(part, name, { paths: [...byPath.keys()], readme: text });
  const found = files.map((one) => byPath.get(one) as Listed);
  const size = found.reduce((sum, one) => sum + one.size, 0);
  if (size > fileLimits["data file"]) {
    const message = `the ${found.length} files of ${part.hub} have ${amount(size, undefined, "bytes")}, and exp reads 500 MB`;
    throw new UserError("file-too-large", message, {
      help: 'name some of them: files: "data/train-0000?-*.parquet"',
      status: "invalid",
    });
  }
  return found;
}

/** The list of all files of a commit is kept next to its files, because a commit does not change. */
function listingFile({ hub, revision }: DatasetPart, cache: string): string {
  return join(datasetFolder(cache, hub), ".exp", `${revision}.json`);
}

function knownListing(part: DatasetPart, cache: string): readonly Listed[] | undefined {
  try {
    const text = readStart(listingFile(part, cache), 256 * 2 ** 20).toString("utf8");
    const files: unknown = (JSON.parse(text) as { readonly files?: unknown }).files;
    return Array.isArray(files) && files.every(isListed) ? files : undefined;
  } catch {
    return undefined;
  }
}

function isListed(value: unknown): value is Listed {
  const { path, size, oid, sha256 } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const isDigest = sha256 === undefined || (typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256));
  return (
    isInnerPath(path) && Number.isSafeInteger(size) && typeof oid === "string" && /^[0-9a-f]{40}$/.test(oid) && isDigest
  );
}

/** Whether a path of a listing stays in the folder of the snapshot. */
function isInnerPath(path: unknown): path is string {
  return (
    typeof path === "string" &&
    path.length <= 1000 &&
    !/[\0\\]/.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

async function listingOf(part: DatasetPart, access: DatasetAccess): Promise<readonly Listed[]> {
  const known = knownListing(part, access.cache);
  if (known !== undefined) return known;
  access.progress?.({ done: 0, total: 0, message: `list ${part.hub}` });
  const files = await asking(part, access, async (send) => {
    const found: Listed[] = [];
    const limits = new ListingLimits(part.hub);
    const counted: typeof fetch = (url, init) => {
      limits.page(String(url instanceof Request ? url.url : url));
      return send(url, init, { bytes: 32 * 2 ** 20, time: 60_000 });
    };
    const listing = listFiles({
      repo: { type: "dataset", name: part.hub },
      recursive: true,
      revision: part.revision,
      hubUrl: access.url,
      fetch: counted,
      ...(access.token === undefined ? {} : { accessToken: libraryToken(access.token) }),
    });
    for await (const entry of listing) {
      limits.entry(String(entry?.path));
      if (entry?.type === "directory") continue;
      const lfs = entry?.lfs ?? undefined;
      const file = { path: entry?.path, size: lfs?.size ?? entry?.size, oid: entry?.oid };
      const listed = lfs === undefined ? file : { ...file, sha256: lfs.oid };
      if (!isListed(listed)) {
        throw new UserError("hub-error", `${access.url} lists a file of ${part.hub} that no data set has`, {
          help: "set HF_ENDPOINT to the address of a hub, or unset it",
        });
      }
      found.push(listed);
    }
    return found;
  });
  const path = listingFile(part, access.cache);
  mkdirSync(dirname(path), { recursive: true });
  writeFileAtomic(path, `${JSON.stringify({ schema: 1, hub: part.hub, revision: part.revision, files })}\n`);
  return files;
}

/** The file in the cache, downloaded if it is missing. Its digest is checked in both cases. */
async function present(
  part: DatasetPart,
  file: Listed,
  report: (bytes: number) => void,
  access: DatasetAccess,
): Promise<DatasetFile> {
  const pointer = join(datasetSnapshot(access.cache, part.hub, part.revision), file.path);
  if (!existsSync(pointer)) await download(part, file, pointer, report, access);
  const found = await digestsOf(pointer, file.size);
  if (!isSame(found, file)) {
    throw new UserError("download-damaged", `${file.path} of ${part.hub} does not have the digest that the hub lists`, {
      help: `delete ${datasetFolder(access.cache, part.hub)} and run again`,
    });
  }
  return { path: file.path, size: file.size, sha256: found.sha256 };
}

type Digests = { readonly size: number; readonly sha256: string; readonly oid: string };

const isSame = (found: Digests, { size, sha256, oid }: Listed): boolean =>
  found.size === size && (sha256 === undefined ? found.oid === oid : found.sha256 === sha256);

/** SHA-256 of a file, and the digest that git gives it. */
async function digestsOf(path: string, size: number): Promise<Digests> {
  const sha256 = createHash("sha256");
  const sha1 = createHash("sha1").update(`blob ${size}\0`);
  if (!statSync(path).isFile()) return { size: -1, sha256: "", oid: "" };
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    sha256.update(chunk);
    sha1.update(chunk);
  }
  return { size: bytes, sha256: sha256.digest("hex"), oid: sha1.digest("hex") };
}

/** Writes a file into `blobs`, under the name that the Hugging Face libraries give it, and links to it. */
async function download(
  part: DatasetPart,
  file: Listed,
  pointer: string,
  report: (bytes: number) => void,
  access: DatasetAccess,
): Promise<void> {
  const blobs = join(datasetFolder(access.cache, part.hub), "blobs");
  const blob = join(blobs, file.sha256 ?? file.oid);
  await mkdir(blobs, { recursive: true });
  await mkdir(dirname(pointer), { recursive: true });
  if (!existsSync(blob)) {
    const partial = `${blob}.${process.pid}-${randomUUID()}.incomplete`;
    try {
      await asking(part, access, async (send) => {
        const path = file.path.split("/").map(encodeURIComponent).join("/");
        const url = `${access.url}/datasets/${part.hub}/resolve/${part.revision}/${path}`;
        const headers = access.token === undefined ? {} : { authorization: `Bearer ${access.token}` };
        const response = await send(url, { headers }, transferLimits(file.size));
        const to = await open(partial, "w");
        try {
          let bytes = 0;
          for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
            await to.write(chunk);
            bytes += chunk.length;
            report(bytes);
          }
          await to.sync();
        } finally {
          await to.close();
        }
      });
      if (!isSame(await digestsOf(partial, file.size), file)) {
        throw new UserError(
          "download-damaged",
          `${access.url} sent another content of ${file.path} of ${part.hub} than it lists`,
          {
            help: "run the same command again",
          },
        );
      }
      await rename(partial, blob);
    } finally {
      await rm(partial, { force: true });
    }
  }
  try {
    await symlink(relative(dirname(pointer), blob), pointer);
  } catch (error) {
    // Another process has made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!existsSync(pointer)) rmSync(pointer);
  }
}

type Send = (
  url: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  limits: ResponseLimits,
) => Promise<Response>;

/** Repeats work after transient failures of the hub. `send` throws HubApiError for a response that is not ok. */
async function asking<T>(
  { hub: name, revision }: DatasetPart,
  { url, token, isOffline, signal, firstWait = 1000 }: DatasetAccess,
  work: (send: Send) => Promise<T>,
): Promise<T> {
  if (isOffline) {
    throw new UserError(
      "not-fetched",
      `exp has not fetched ${name} on this machine, and HF_HUB_OFFLINE forbids requests to the hub`,
      {
        help: "unset HF_HUB_OFFLINE, or copy the cache of a machine that has fetched it",
      },
    );
  }
  const attempt = async (): Promise<T> => {
    let reason: string | null = null;
    try {
      return await work(async (to, init, limits) => {
        // A page of a listing names the next one. The token must not follow it to another host.
        const { origin } = new URL(to instanceof Request ? to.url : to);
        if (origin !== new URL(url).origin) {
          throw new UserError(
            "hub-foreign-address",
            `${new URL(url).host} refers to ${origin}, and the token is not sent there`,
            {
              help: `set HF_ENDPOINT to ${origin} if you trust it, or to the public hub`,
            },
          );
        }
        const signed = withToken(to, init, { token, hub: url });
        const response = await boundedFetch(to, signed, { limits, signals: [signal] });
        if (response.ok) return response;
        reason = response.headers.get("x-error-code");
        await response.body?.cancel();
        throw new HubApiError(String(to), response.status);
      });
    } catch (error) {
      if (error instanceof UserError || signal.aborted) throw new AbortError(error as Error);
      const status = error instanceof HubApiError ? error.statusCode : undefined;
      const query = { kind: "dataset", name, revision, hub: new URL(url).host, hasToken: token !== undefined } as const;
      const failure = explainHub(error, reason, query);
      const isTransient = status === undefined || status === 429 || status >= 500;
      throw isTransient ? failure : new AbortError(failure);
    }
  };
  return pRetry(attempt, { retries: 3, minTimeout: firstWait, signal });
}

/** The content of a file of a fetched part. Throws UserError if it has changed since. */
export function readFetched(path: string, { sha256 }: DatasetFile): Buffer {
  const bytes = readRegularFile(path, "data file");
  if (createHash("sha256").update(bytes).digest("hex") !== sha256) {
    throw new UserError("download-damaged", `${path} has changed since it was fetched`, {
      help: "delete the folder of the data set in the Hugging Face cache, and run again",
    });
  }
  return bytes;
}
