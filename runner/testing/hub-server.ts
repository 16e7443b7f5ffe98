/** A simulated Hugging Face hub: the API for uploading and reading repositories, with faults that a test sets. */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { errorResponse, type FileResponse, type JsonResponse, send } from "./hub-response.ts";
import { HubStorage } from "./hub-storage.ts";

/** A fault of the next requests whose "METHOD path" matches. */
export type Fault = {
  readonly on: RegExp;
  times: number;
  /** Delay in milliseconds. */
  readonly delay?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Closes the connection after this many bytes of the body. */
  readonly cutAfter?: number;
  /** Handles the request and closes the connection without a response. */
  readonly loseResponse?: boolean;
  /** Runs before the request is handled. */
  readonly meanwhile?: () => void;
};

type Stored = { readonly size: number; readonly oid: string; readonly lfs?: string; readonly bytes?: Buffer };
type Repo = {
  private: boolean;
  /** Names of the users whose conditions were accepted; undefined: the repository is not gated. */
  gated?: readonly string[];
  sha: string;
  readonly files: Map<string, Stored>;
  readonly log: string[];
};

const weights = /\.(safetensors|bin|gguf)$/;

const digest = (algorithm: string, ...parts: (string | Buffer)[]): string => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

export class HubServer {
  /** Token -> response of whoami. */
  readonly accounts = new Map<string, object>();
  readonly repos = new Map<string, Repo>();
  readonly faults: Fault[] = [];
  /** "METHOD path" of every request. */
  requests: string[] = [];
  readonly storage = new HubStorage();
  /** Larger files, and weights, are sent to storage; other files are part of the commit. Bytes */
  maxCommitted = 1_000_000;
  /** Entries on a page of a listing. */
  pageSize = 1000;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.writeHead(500, { "content-type": "text/plain" });
        response.end(String(error));
      });
    });
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    this.storage.close();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Adds a user and returns the token. */
  addUser(name: string, role = "write", more: object = {}, prefix = "hf_"): string {
    const token = `${prefix}${randomUUID().replaceAll("-", "")}`;
    const auth = { type: "access_token", accessToken: { displayName: "test", role, ...more } };
    this.accounts.set(token, { id: name, type: "user", name, orgs: [{ name: "lab", roleInOrg: "read" }], auth });
    return token;
  }

  /** Adds a repository. */
  addRepo(name: string, isPrivate: boolean): Repo {
    const repo: Repo = { private: isPrivate, sha: digest("sha1", name), files: new Map(), log: [] };
    this.repos.set(name, repo);
    this.#put(repo, ".gitattributes", Buffer.from("*.safetensors filter=lfs\n"));
    return repo;
  }

  /** The bytes of a file in a repository. */
  bytes(name: string, path: string): Buffer {
    const stored = this.repos.get(name)?.files.get(path) as Stored;
    return stored.bytes ?? readFileSync(this.storage.path(stored.lfs as string));
  }

  /** Adds a file to a repository, without a commit. A large one is sent from storage. */
  put(name: string, path: string, content: string | Buffer, { lfs = false } = {}): void {
    const repo = this.repos.get(name) as Repo;
    const bytes = Buffer.from(content);
    this.#put(repo, path, bytes);
    if (lfs) repo.files.set(path, { ...(repo.files.get(path) as Stored), lfs: digest("sha256", bytes) });
  }

  #put(repo: Repo, path: string, bytes: Buffer): void {
    repo.files.set(path, { size: bytes.length, oid: digest("sha1", `blob ${bytes.length}\0`, bytes), bytes });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url as string, this.url);
    // Models and data sets have the same API; here they share one list of repositories.
    const path = decodeURIComponent(url.pathname).replace(/^(\/api)?\/datasets\//, (_, api) =>
      api ? "/api/models/" : "/",
    );
    const name = `${request.method} ${path}`;
    this.requests.push(name);
    const fault = this.faults.find(({ on, times }) => times > 0 && on.test(name));
    if (fault !== undefined) {
      fault.times -= 1;
      fault.meanwhile?.();
      if (fault.delay !== undefined) await sleep(fault.delay);
      if (fault.cutAfter !== undefined) {
        let seen = 0;
        for await (const chunk of request) {
          seen += (chunk as Buffer).length;
          if (seen >= fault.cutAfter) break;
        }
        request.socket.destroy();
        return;
      }
      if (fault.status !== undefined) {
        for await (const _ of request);
        send(request, response, { status: fault.status, body: { error: "fault" }, headers: fault.headers ?? {} });
        return;
      }
    }
    if (request.method === "PUT" && path.startsWith("/_storage/")) {
      const stored = await this.storage.receive(request, path);
      if (stored !== undefined) send(request, response, stored);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const result = this.#handle(request, url, path, Buffer.concat(chunks));
    if (fault?.loseResponse === true) request.socket.destroy();
    else send(request, response, result);
  }

  #handle(request: IncomingMessage, url: URL, path: string, body: Buffer): JsonResponse | FileResponse {
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    const account = token === undefined ? undefined : this.accounts.get(token);
    if (token !== undefined && account === undefined) return errorResponse(401, "", "Invalid credentials");
    if (path === "/api/whoami-v2") return account ? { status: 200, body: account } : errorResponse(401, "");
    if (/^\/_complete\//.test(path)) return this.storage.complete(path.slice("/_complete/".length), body);
    if (path === "/api/repos/create") return account ? this.#create(body) : errorResponse(401, "");
    const route =
      /^\/(?:api\/models\/)?([^/]+\/[^/]+?)(?:\.git\/info\/lfs\/objects\/(batch)|\/(\w[\w-]*)(?:\/([^/]+))?(?:\/(.+))?)?$/.exec(
        path,
      );
    const [, name = "", batch, verb = batch ?? "revision", revision = "main", rest = ""] = route ?? [];
    const repo = this.repos.get(name);
    if (repo === undefined || (repo.private && account === undefined)) {
      return errorResponse(account === undefined ? 401 : 404, "RepoNotFound", "Repository not found");
    }
    const json = (): Record<string, unknown> => JSON.parse(body.toString()) as Record<string, unknown>;
    if (verb === "revision") return { status: 200, body: this.#info(name, repo) };
    const isFiles = verb === "tree" || verb === "resolve";
    if (isFiles && !["main", "HEAD", repo.sha].includes(revision)) return errorResponse(404, "RevisionNotFound");
    const user = (account as { readonly name?: string } | undefined)?.name ?? "";
    if (isFiles && repo.gated?.includes(user) === false)
      return errorResponse(account === undefined ? 401 : 403, "GatedRepo", `Access to ${name} is restricted`);
    if (verb === "tree") return this.#tree(repo, url);
    if (verb === "paths-info") {
      const { paths } = json() as { readonly paths: readonly string[] };
      return { status: 200, body: entries(repo).filter((entry) => paths.includes(entry.path)) };
    }
    if (verb === "resolve") return this.#resolve(repo, rest);
    if (account === undefined) return errorResponse(401, "");
    if (verb === "preupload") return preupload(json(), this.maxCommitted);
    if (verb === "batch") return this.storage.batch(json(), this.url);
    if (verb === "commit") return this.#commit(repo, name, body);
    return errorResponse(404, "EntryNotFound");
  }

  #create(body: Buffer): JsonResponse {
    const { name, organization, visibility } = JSON.parse(body.toString()) as Record<string, string>;
    const id = `${organization}/${name}`;
    if (this.repos.has(id)) return errorResponse(409, "", "You already created this model repo");
    this.addRepo(id, visibility === "private");
    return { status: 200, body: { url: `${this.url}/${id}`, name: id, id } };
  }

  #info(name: string, repo: Repo): object {
    const siblings = [...repo.files.keys()].map((rfilename) => ({ rfilename }));
    const { sha } = repo;
    const base = {
      _id: "1",
      id: name,
      modelId: name,
      lastModified: "2026-01-01T00:00:00.000Z",
      gated: repo.gated === undefined ? false : "auto",
    };
    return { ...base, sha, siblings, private: repo.private, tags: [], downloads: 0, likes: 0 };
  }

  #tree(repo: Repo, url: URL): JsonResponse {
    const all = entries(repo);
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url);
    next.searchParams.set("cursor", String(from + this.pageSize));
    const more = from + this.pageSize < all.length;
    const headers: Record<string, string> = more ? { link: `<${next}>; rel="next"` } : {};
    return { status: 200, body: all.slice(from, from + this.pageSize), headers };
  }

  #resolve(repo: Repo, path: string): JsonResponse | FileResponse {
    const stored = repo.files.get(path);
    if (stored === undefined) return errorResponse(404, "EntryNotFound");
    const linked =
      stored.lfs === undefined ? {} : { "x-linked-size": String(stored.size), "x-linked-etag": `"${stored.lfs}"` };
    const headers = { "x-repo-commit": repo.sha, etag: `"${stored.lfs ?? stored.oid}"`, ...linked };
    return { content: stored.bytes ?? this.storage.path(stored.lfs as string), headers };
  }

  #commit(repo: Repo, name: string, body: Buffer): JsonResponse {
    type Line = { readonly key: string; readonly value: Record<string, string> };
    const lines = body
      .toString()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    for (const { key, value } of lines) {
      const path = value.path as string;
      if (key === "file") this.#put(repo, path, Buffer.from(value.content as string, value.encoding as "base64"));
      if (key !== "lfsFile") continue;
      const lfs = value.oid as string;
      if (!this.storage.has(lfs)) return errorResponse(400, "", `${path} is not in storage`);
      repo.files.set(path, { lfs, size: this.storage.size(lfs), oid: digest("sha1", lfs) });
    }
    repo.sha = digest("sha1", repo.sha, body);
    repo.log.push(lines.find(({ key }) => key === "header")?.value.summary as string);
    const commitUrl = `${this.url}/${name}/commit/${repo.sha}`;
    return { status: 200, body: { success: true, commitOid: repo.sha, commitUrl, hookOutput: "" } };
  }
}

function entries(repo: Repo) {
  return [...repo.files].sort().map(([path, { size, oid, lfs }]) => ({
    ...{ type: "file", path, oid, size },
    ...(lfs === undefined ? {} : { lfs: { oid: lfs, size, pointerSize: 130 } }),
  }));
}

function preupload(request: Record<string, unknown>, maxCommitted: number): JsonResponse {
  const { files } = request as { readonly files: readonly { readonly path: string; readonly size: number }[] };
  const mode = (path: string, size: number): string => (size > maxCommitted || weights.test(path) ? "lfs" : "regular");
  return {
    status: 200,
    body: { files: files.map(({ path, size }) => ({ path, uploadMode: mode(path, size), shouldIgnore: false })) },
  };
}
