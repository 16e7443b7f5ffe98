import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { commitIter, createRepo, datasetInfo, type ListFileEntry, listFiles } from "@huggingface/hub";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { UserError } from "../../util/user-error.ts";
import { asked, type Hub, HubRefusal, troubleOf } from "./connection.ts";

/** Files of one commit, so that a cut costs no more than these; the hub asks for some hundreds at most. */
const perCommit = 200;
const tries = 5;
const longestWait = 60_000;

type Pending = { readonly path: string; readonly size: number; readonly content: Blob | URL };

/**
 * A private dataset repository of the hub as a place for copies of runs. What is put is sent by `settle`, some hundred files a
 * commit; files by content are there when their size is. Calls throw UserError: offline, hub-token, hub-busy, hub-error.
 */
export class Dataset {
  readonly #hub: Hub;
  readonly #repo: string;
  readonly #there: Map<string, ListFileEntry>;
  readonly #pending = new Map<string, Pending>();

  private constructor(hub: Hub, repo: string, there: Map<string, ListFileEntry>) {
    this.#hub = hub;
    this.#repo = repo;
    this.#there = there;
  }

  /** Looks at a repository; `private` is undefined where there is none. */
  static async open(
    hub: Hub,
    repo: string,
  ): Promise<{ readonly dataset: Dataset; readonly private: boolean | undefined }> {
    return insist(hub, repo, async () => {
      const there = new Map<string, ListFileEntry>();
      try {
        const info = await datasetInfo({ name: repo, ...asked(hub) });
        await list(hub, repo, there);
        return { dataset: new Dataset(hub, repo, there), private: info.private };
      } catch (error) {
        if (error instanceof HubRefusal && error.status === 404) {
          return { dataset: new Dataset(hub, repo, there), private: undefined };
        }
        throw error;
      }
    });
  }

  /** Makes the repository, private. */
  async create(): Promise<void> {
    await insist(this.#hub, this.#repo, async () => {
      try {
        const repo = { type: "dataset", name: this.#repo } as const;
        await createRepo({ repo, visibility: "private", ...asked(this.#hub) });
      } catch (error) {
        // Another process has made it in between; whether it is private is asked by the next push.
        if (!(error instanceof HubRefusal && error.status === 409)) throw error;
      }
    });
  }

  async put(name: string, from: string, { size }: StoredFile): Promise<boolean> {
    if (this.#there.get(name)?.size === size || this.#pending.has(name)) return false;
    this.#pending.set(name, { path: name, size, content: pathToFileURL(from) });
    return true;
  }

  async writeText(name: string, text: string): Promise<void> {
    const content = new Blob([text]);
    this.#pending.set(name, { path: name, size: content.size, content });
  }

  async settle(): Promise<void> {
    const files = [...this.#pending.values()];
    for (let from = 0; from < files.length; from += perCommit) {
      await this.#commit(files.slice(from, from + perCommit));
    }
    this.#pending.clear();
  }

  async take(name: string, to: string, file: StoredFile): Promise<boolean> {
    if (this.#there.get(name)?.size !== file.size) return false;
    await mkdir(dirname(to), { recursive: true });
    const isWhole = await insist(this.#hub, this.#repo, async () => {
      const hash = createHash("sha256");
      const counted = async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) {
          hash.update(chunk);
          yield chunk;
        }
      };
      const { body } = await this.#get(name);
      const target = createWriteStream(to, { flush: true });
      await pipeline(body as unknown as Readable, counted, target, { signal: this.#hub.signal });
      return hash.digest("hex") === file.sha256;
    }).catch(async (error: unknown) => {
      await rm(to, { force: true });
      throw error;
    });
    if (!isWhole) await rm(to, { force: true });
    return isWhole;
  }

  async readText(name: string): Promise<string | undefined> {
    if (!this.#there.has(name)) return undefined;
    return insist(this.#hub, this.#repo, async () => (await this.#get(name)).text());
  }

  async names(folder: string): Promise<readonly string[]> {
    const inside = [...this.#there.keys()].filter((name) => name.startsWith(`${folder}/`));
    return [...new Set(inside.map((name) => name.slice(folder.length + 1).split("/", 1)[0] as string))];
  }

  #get(name: string): Promise<Response> {
    const path = name.split("/").map(encodeURIComponent).join("/");
    const headers = { authorization: `Bearer ${this.#hub.token}` };
    // In small letters, a method is none whose answer the connection gives a limit of time: weights take as long as they take.
    return this.#hub.fetch(`${this.#hub.url}/datasets/${this.#repo}/resolve/main/${path}`, { method: "get", headers });
  }

  /** One commit. A commit whose answer was lost is made once more: the same files make no other repository. */
  async #commit(files: readonly Pending[]): Promise<void> {
    await insist(this.#hub, this.#repo, async () => {
      // Storage keeps what has arrived, so that a further try sends only the rest.
      const events = commitIter({
        repo: { type: "dataset", name: this.#repo },
        operations: files.map(({ path, content }) => ({ operation: "addOrUpdate", path, content })),
        title: `Add ${files.length} files of runs`,
        abortSignal: this.#hub.signal,
        useXet: false,
        ...asked(this.#hub),
      });
      for await (const _ of events);
    });
    for (const { path, size } of files) this.#there.set(path, { type: "file", path, size, oid: "" });
  }
}

async function list(hub: Hub, repo: string, there: Map<string, ListFileEntry>): Promise<void> {
  for await (const entry of listFiles({ repo: { type: "dataset", name: repo }, recursive: true, ...asked(hub) })) {
    if (entry.type === "file") there.set(entry.path, entry);
  }
}

/** Tries again what may be better in a moment, as often as an upload does. */
async function insist<T>(hub: Hub, repo: string, work: () => Promise<T>): Promise<T> {
  for (let failed = 1; ; failed++) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof UserError) throw error;
      const { failure, passing, after } = troubleOf(error, hub, repo);
      if (!passing || failed >= tries) throw failure;
      await sleep(after ?? Math.min(longestWait, hub.firstWait * 2 ** (failed - 1)), undefined, { signal: hub.signal });
    }
  }
}
