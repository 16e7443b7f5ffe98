/** A hub for tests: what the Hugging Face hub's API does when a model is uploaded and read back, with faults by script. */
import { createHash, randomUUID } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What goes wrong with the next requests whose "METHOD path" matches. */
export type Fault = {
  readonly on: RegExp;
  times: number;
  /** Milliseconds before anything is done. */
  readonly delay?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the connection once so many bytes of the body have come. */
  readonly cutAfter?: number;
  /** Does what was asked, and ends the connection before saying so. */
  readonly loseAnswer?: boolean;
  /** Another request that comes first. */
  readonly meanwhile?: () => void;
};

type Stored = { readonly size: number; readonly oid: string; readonly lfs?: string; readonly bytes?: Buffer };
type Repo = { private: boolean; sha: string; readonly files: Map<string, Stored>; readonly log: string[] };
type Answer = { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> };

/** Files above this many bytes, and weights, go to storage instead of into the commit. */
const smallest = 1_000_000;
const weights = /\.(safetensors|bin|gguf)$/;

const digest = (algorithm: string, ...parts: (string | Buffer)[]): string => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

export class HubServer {
  /** What a token says of its bearer: the body of whoami. */
  readonly accounts = new Map<string, object>();
  readonly repos = new Map<string, Repo>();
  readonly faults: Fault[] = [];
  /** "METHOD path" of every request, and bytes that came to storage. */
  requests: string[] = [];
  received = 0;
  /** Storage takes larger files in parts of so many bytes from clients that can. */
  partSize = Number.POSITIVE_INFINITY;
  /** Entries on a page of a listing. */
  pageSize = 1000;
  readonly #folder = mkdtempSync(join(tmpdir(), "exp-hub-"));
  readonly #server: Server;

  constructor() {
    mkdirSync(join(this.#folder, "parts"));
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
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A user, by the token that is given back. */
  addUser(name: string, role = "write", more: object = {}): string {
    const token = `hf_${randomUUID().replaceAll("-", "")}`;
    const auth = { type: "access_token", accessToken: { displayName: "test", role, ...more } };
    this.accounts.set(token, { id: name, type: "user", name, orgs: [{ name: "lab", roleInOrg: "read" }], auth });
    return token;
  }

  /** A repository that somebody has made before. */
  addRepo(name: string, isPrivate: boolean): Repo {
    const repo: Repo = { private: isPrivate, sha: digest("sha1", name), files: new Map(), log: [] };
    this.repos.set(name, repo);
    this.#put(repo, ".gitattributes", Buffer.from("*.safetensors filter=lfs\n"));
    return repo;
  }

  /** A file's bytes as they can be read back. */
  bytes(name: string, path: string): Buffer {
    const stored = this.repos.get(name)?.files.get(path) as Stored;
    return stored.bytes ?? readFileSync(this.#object(stored.lfs as string));
  }

  #put(repo: Repo, path: string, bytes: Buffer): void {
    repo.files.set(path, { size: bytes.length, oid: digest("sha1", `blob ${bytes.length}\0`, bytes), bytes });
  }

  #object(oid: string): string {
    return join(this.#folder, oid);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url as string, this.url);
    // Models and data sets are asked in the same words; here they share one list of names.
    const path = decodeURIComponent(url.pathname).replace(/^(\/api)?\/datasets\//, (_, api) =>
      api ? "/api/models/" : "/",
    );
    const asked = `${request.method} ${path}`;
    this.requests.push(asked);
    const fault = this.faults.find(({ on, times }) => times > 0 && on.test(asked));
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
        const answer = { status: fault.status, body: { error: "said the test" }, headers: fault.headers ?? {} };
        send(response, answer, request);
        return;
      }
    }
    if (request.method === "PUT" && path.startsWith("/_storage/")) return this.#store(request, response, path);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = this.#answer(request, url, path, Buffer.concat(chunks));
    if (fault?.loseAnswer === true) request.socket.destroy();
    else if (answer instanceof Blobbed) answer.send(request, response);
    else send(response, answer, request);
  }

  /** Takes a file, or a part of one, and checks that it is what it was said to be. */
  async #store(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const [, , oid = "", part] = path.split("/");
    const partial = join(this.#folder, `parts/${randomUUID()}`);
    const hash = createHash("sha256");
    const file = createWriteStream(partial);
    file.on("error", () => request.destroy());
    try {
      for await (const chunk of request) {
        hash.update(chunk as Buffer);
        this.received += (chunk as Buffer).length;
        if (!file.write(chunk)) await new Promise<void>((resolve) => file.once("drain", () => resolve()));
      }
    } catch {
      // The client broke off.
      file.destroy();
      return;
    }
    await new Promise<void>((resolve) => file.end(() => resolve()));
    const found = hash.digest("hex");
    if (part === undefined && found !== oid) return send(response, refuse(400, "BadDigest"), request);
    renameSync(partial, part === undefined ? this.#object(oid) : join(this.#folder, `parts/${oid}.${part}`));
    send(response, { status: 200, body: "", headers: { etag: `"${found}"` } }, request);
  }

  #answer(request: IncomingMessage, url: URL, path: string, body: Buffer): Answer | Blobbed {
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    const account = token === undefined ? undefined : this.accounts.get(token);
    if (token !== undefined && account === undefined) return refuse(401, "", "Invalid credentials");
    if (path === "/api/whoami-v2") return account ? { status: 200, body: account } : refuse(401, "");
    if (/^\/_complete\//.test(path)) return this.#complete(path.slice("/_complete/".length), body);
    if (path === "/api/repos/create") return account ? this.#create(body) : refuse(401, "");
    const route =
      /^\/(?:api\/models\/)?([^/]+\/[^/]+?)(?:\.git\/info\/lfs\/objects\/(batch)|\/(\w[\w-]*)(?:\/([^/]+))?(?:\/(.+))?)?$/.exec(
        path,
      );
    const [, name = "", batch, verb = batch ?? "revision", , rest = ""] = route ?? [];
    const repo = this.repos.get(name);
    if (repo === undefined || (repo.private && account === undefined)) {
      return refuse(account === undefined ? 401 : 404, "RepoNotFound", "Repository not found");
    }
    const json = (): Record<string, unknown> => JSON.parse(body.toString()) as Record<string, unknown>;
    if (verb === "revision") return { status: 200, body: this.#info(name, repo) };
    if (verb === "tree") return this.#tree(repo, url);
    if (verb === "paths-info") {
      const { paths } = json() as { readonly paths: readonly string[] };
      return { status: 200, body: entries(repo).filter((entry) => paths.includes(entry.path)) };
    }
    if (verb === "resolve") return this.#resolve(repo, rest);
    if (account === undefined) return refuse(401, "");
    if (verb === "preupload") return preupload(json());
    if (verb === "batch") return this.#batch(json());
    if (verb === "commit") return this.#commit(repo, name, body);
    return refuse(404, "EntryNotFound");
  }

  #create(body: Buffer): Answer {
    const { name, organization, visibility } = JSON.parse(body.toString()) as Record<string, string>;
    const id = `${organization}/${name}`;
    if (this.repos.has(id)) return refuse(409, "", "You already created this model repo");
    this.addRepo(id, visibility === "private");
    return { status: 200, body: { url: `${this.url}/${id}`, name: id, id } };
  }

  #info(name: string, repo: Repo): object {
    const siblings = [...repo.files.keys()].map((rfilename) => ({ rfilename }));
    const { sha } = repo;
    const base = { _id: "1", id: name, modelId: name, lastModified: "2026-01-01T00:00:00.000Z", gated: false };
    return { ...base, sha, siblings, private: repo.private, tags: [], downloads: 0, likes: 0 };
  }

  #tree(repo: Repo, url: URL): Answer {
    const all = entries(repo);
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url);
    next.searchParams.set("cursor", String(from + this.pageSize));
    const more = from + this.pageSize < all.length;
    const headers: Record<string, string> = more ? { link: `<${next}>; rel="next"` } : {};
    return { status: 200, body: all.slice(from, from + this.pageSize), headers };
  }

  #resolve(repo: Repo, path: string): Answer | Blobbed {
    const stored = repo.files.get(path);
    if (stored === undefined) return refuse(404, "EntryNotFound");
    const linked =
      stored.lfs === undefined ? {} : { "x-linked-size": String(stored.size), "x-linked-etag": `"${stored.lfs}"` };
    const headers = { "x-repo-commit": repo.sha, etag: `"${stored.lfs ?? stored.oid}"`, ...linked };
    return new Blobbed(stored.bytes ?? this.#object(stored.lfs as string), headers);
  }

  #batch(asked: Record<string, unknown>): Answer {
    const { objects, transfers } = asked as {
      readonly objects: readonly { readonly oid: string; readonly size: number }[];
      readonly transfers: readonly string[];
    };
    const inParts = (size: number): boolean => transfers.includes("multipart") && size > this.partSize;
    return {
      status: 200,
      body: {
        transfer: objects.some(({ size }) => inParts(size)) ? "multipart" : "basic",
        objects: objects.map(({ oid, size }) => {
          if (existsSync(this.#object(oid))) return { oid, size };
          const verify = { href: `${this.url}/_verify` };
          if (!inParts(size))
            return { oid, size, actions: { upload: { href: `${this.url}/_storage/${oid}` }, verify } };
          const parts = Array.from({ length: Math.ceil(size / this.partSize) }, (_, index) => [
            String(index + 1).padStart(5, "0"),
            `${this.url}/_storage/${oid}/${index + 1}`,
          ]);
          const header = { chunk_size: String(this.partSize), ...(Object.fromEntries(parts) as object) };
          return { oid, size, actions: { upload: { href: `${this.url}/_complete/${oid}`, header }, verify } };
        }),
      },
    };
  }

  #complete(oid: string, body: Buffer): Answer {
    const { parts } = JSON.parse(body.toString()) as {
      readonly parts: readonly { readonly partNumber: number; readonly etag: string }[];
    };
    const bytes = Buffer.concat(
      parts.map(({ partNumber }) => readFileSync(join(this.#folder, `parts/${oid}.${partNumber}`))),
    );
    if (digest("sha256", bytes) !== oid) return refuse(400, "BadDigest");
    writeFileSync(this.#object(oid), bytes);
    return { status: 200, body: {} };
  }

  #commit(repo: Repo, name: string, body: Buffer): Answer {
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
      if (!existsSync(this.#object(lfs))) return refuse(400, "", `${path} is not in storage`);
      repo.files.set(path, { lfs, size: statSync(this.#object(lfs)).size, oid: digest("sha1", lfs) });
    }
    repo.sha = digest("sha1", repo.sha, body);
    repo.log.push(lines.find(({ key }) => key === "header")?.value.summary as string);
    const commitUrl = `${this.url}/${name}/commit/${repo.sha}`;
    return { status: 200, body: { success: true, commitOid: repo.sha, commitUrl, hookOutput: "" } };
  }
}

/** A file as an answer. */
class Blobbed {
  readonly #content: Buffer | string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(content: Buffer | string, headers: Readonly<Record<string, string>>) {
    this.#content = content;
    this.#headers = headers;
  }

  send(request: IncomingMessage, response: ServerResponse): void {
    const content = this.#content;
    const size = typeof content === "string" ? statSync(content).size : content.length;
    response.writeHead(200, { ...this.#headers, "content-length": size });
    if (request.method === "HEAD") response.end();
    else if (typeof content === "string") createReadStream(content).pipe(response);
    else response.end(content);
  }
}

function entries(repo: Repo) {
  return [...repo.files].sort().map(([path, { size, oid, lfs }]) => ({
    ...{ type: "file", path, oid, size },
    ...(lfs === undefined ? {} : { lfs: { oid: lfs, size, pointerSize: 130 } }),
  }));
}

function preupload(asked: Record<string, unknown>): Answer {
  const { files } = asked as { readonly files: readonly { readonly path: string; readonly size: number }[] };
  const mode = (path: string, size: number): string => (size > smallest || weights.test(path) ? "lfs" : "regular");
  return {
    status: 200,
    body: { files: files.map(({ path, size }) => ({ path, uploadMode: mode(path, size), shouldIgnore: false })) },
  };
}

function refuse(status: number, code: string, error = code): Answer {
  return { status, body: { error }, headers: code === "" ? {} : { "x-error-code": code } };
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer, request: IncomingMessage): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(request.method === "HEAD" ? undefined : JSON.stringify(body));
}
