import type { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { createRepo, datasetInfo, type ListFileEntry } from "@huggingface/hub";
import { commitFiles } from "../../hub/commit.ts";
import { type Hub, HubResponseError, hubParams } from "../../hub/connection.ts";
import { listRepository } from "../../hub/list-repository.ts";
import { retryHub } from "../../hub/retry.ts";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { namesBelow } from "../remotes/layout.ts";
import { maxTextBytes, textTooLarge } from "../remotes/limits.ts";
import type { RemoteStore } from "../remotes/remote-store.ts";
import { writeVerified } from "../remotes/write-verified.ts";

/** Files per commit. The hub recommends some hundreds at most; an interrupted commit is repeated as a whole. */
const filesPerCommit = 200;

type Pending = { readonly path: string; readonly size: number; readonly content: Blob | URL };

/**
 * A remote store in a private dataset repository of the hub. `settle` sends what was put, in commits. A file counts as
 * present if the repository has one with its name and size. Methods throw UserError: offline, hub-token, hub-busy,
 * hub-error.
 */
export class DatasetStore implements RemoteStore {
  readonly #hub: Hub;
  readonly #repo: string;
  readonly #files: Map<string, ListFileEntry>;
  readonly #pending = new Map<string, Pending>();

  private constructor(hub: Hub, repo: string, files: Map<string, ListFileEntry>) {
    this.#hub = hub;
    this.#repo = repo;
    this.#files = files;
  }

  /**
   * Lists a repository. `private` is undefined if the repository does not exist, and false if the hub does not confirm
   * it.
   */
  static async open(
    hub: Hub,
    repo: string,
  ): Promise<{ readonly dataset: DatasetStore; readonly private: boolean | undefined }> {
    return retryHub(hub, repo, async () => {
      try {
        const info = await datasetInfo({ name: repo, ...hubParams(hub) });
        const files = await listRepository(hub, { type: "dataset", name: repo });
        return { dataset: new DatasetStore(hub, repo, files), private: info.private === true };
      } catch (error) {
        if (error instanceof HubResponseError && error.status === 404) {
          return { dataset: new DatasetStore(hub, repo, new Map()), private: undefined };
        }
        throw error;
      }
    });
  }

  /** Creates the repository as a private one. */
  async create(): Promise<void> {
    await retryHub(this.#hub, this.#repo, async () => {
      try {
        const repo = { type: "dataset", name: this.#repo } as const;
        await createRepo({ repo, visibility: "private", ...hubParams(this.#hub) });
      } catch (error) {
        // Another process has created it meanwhile. The caller checks that it is private.
        if (!(error instanceof HubResponseError && error.status === 409)) throw error;
      }
    });
  }

  async put(name: string, from: string, { size }: StoredFile): Promise<boolean> {
    if (this.#files.get(name)?.size === size || this.#pending.has(name)) return false;
    this.#pending.set(name, { path: name, size, content: pathToFileURL(from) });
    return true;
  }

  async writeText(name: string, text: string): Promise<void> {
    const content = new Blob([text]);
    this.#pending.set(name, { path: name, size: content.size, content });
  }

  async settle(): Promise<void> {
    const files = [...this.#pending.values()];
    for (let from = 0; from < files.length; from += filesPerCommit) {
      await this.#commit(files.slice(from, from + filesPerCommit));
    }
    this.#pending.clear();
  }

  async take(name: string, to: string, file: StoredFile): Promise<boolean> {
    if (this.#files.get(name)?.size !== file.size) return false;
    return retryHub(this.#hub, this.#repo, async () => {
      const { body } = await this.#get(name, file.size);
      return writeVerified(body as unknown as Readable, to, file, this.#hub.signal);
    });
  }

  async readText(name: string): Promise<string | undefined> {
    const size = this.#files.get(name)?.size;
    if (size === undefined) return undefined;
    if (size > maxTextBytes) throw textTooLarge(this.#repo, name);
    return retryHub(this.#hub, this.#repo, async () => (await this.#get(name, size)).text());
  }

  async names(folder: string): Promise<readonly string[]> {
    return namesBelow(this.#files.keys(), folder);
  }

  #get(name: string, size: number): Promise<Response> {
    const path = name.split("/").map(encodeURIComponent).join("/");
    return this.#hub.download(`${this.#hub.url}/datasets/${this.#repo}/resolve/main/${path}`, size);
  }

  /** Makes one commit. If a response is lost, the commit is repeated, with the same result. */
  async #commit(files: readonly Pending[]): Promise<void> {
    await retryHub(this.#hub, this.#repo, async () => {
      // The hub's storage keeps the files it received. A further attempt sends only the rest.
      const events = commitFiles(this.#hub, {
        repo: { type: "dataset", name: this.#repo },
        operations: files.map(({ path, content }) => ({ operation: "addOrUpdate", path, content })),
        title: `Add ${files.length} files of runs`,
      });
      for await (const _ of events);
    });
    for (const { path, size } of files) this.#files.set(path, { type: "file", path, size, oid: "" });
  }
}
