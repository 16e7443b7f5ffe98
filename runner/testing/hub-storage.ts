/** Storage of the simulated hub for large files, by content. A file arrives in one request or in parts. */
import { createHash, randomUUID } from "node:crypto";
import {
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
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorResponse, type JsonResponse } from "./hub-response.ts";

export class HubStorage {
  /** Bytes that have arrived. */
  received = 0;
  /** A client that can sends larger files in parts of this size. */
  partSize = Number.POSITIVE_INFINITY;
  /** The address to which each file is sent, in place of the storage's own. */
  address: string | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), "exp-hub-"));

  constructor() {
    mkdirSync(join(this.#folder, "parts"));
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  has(oid: string): boolean {
    return existsSync(this.path(oid));
  }

  size(oid: string): number {
    return statSync(this.path(oid)).size;
  }

  path(oid: string): string {
    return join(this.#folder, oid);
  }

  /** Stores the body of `PUT /_storage/OID[/PART]`. Undefined if the client closes the connection. */
  async receive(request: IncomingMessage, path: string): Promise<JsonResponse | undefined> {
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
      file.destroy();
      return undefined;
    }
    await new Promise<void>((resolve) => file.end(() => resolve()));
    const found = hash.digest("hex");
    if (part === undefined && found !== oid) return errorResponse(400, "BadDigest");
    renameSync(partial, part === undefined ? this.path(oid) : this.#part(oid, part));
    return { status: 200, body: "", headers: { etag: `"${found}"` } };
  }

  /** Joins the parts of a file: `POST /_complete/OID`. */
  complete(oid: string, body: Buffer): JsonResponse {
    const { parts } = JSON.parse(body.toString()) as { readonly parts: readonly { readonly partNumber: number }[] };
    const bytes = Buffer.concat(parts.map(({ partNumber }) => readFileSync(this.#part(oid, partNumber))));
    if (createHash("sha256").update(bytes).digest("hex") !== oid) return errorResponse(400, "BadDigest");
    writeFileSync(this.path(oid), bytes);
    return { status: 200, body: {} };
  }

  /** The upload addresses of files, for the LFS batch request. A stored file has none. */
  batch(request: Record<string, unknown>, url: string): JsonResponse {
    const { objects, transfers } = request as {
      readonly objects: readonly { readonly oid: string; readonly size: number }[];
      readonly transfers: readonly string[];
    };
    const inParts = (size: number): boolean => transfers.includes("multipart") && size > this.partSize;
    const verify = { href: `${url}/_verify` };
    const described = objects.map(({ oid, size }) => {
      if (this.has(oid)) return { oid, size };
      if (!inParts(size))
        return { oid, size, actions: { upload: { href: this.address ?? `${url}/_storage/${oid}` }, verify } };
      const parts = Array.from({ length: Math.ceil(size / this.partSize) }, (_, index) => [
        String(index + 1).padStart(5, "0"),
        `${url}/_storage/${oid}/${index + 1}`,
      ]);
      const header = { chunk_size: String(this.partSize), ...(Object.fromEntries(parts) as object) };
      return { oid, size, actions: { upload: { href: `${url}/_complete/${oid}`, header }, verify } };
    });
    const transfer = objects.some(({ size }) => inParts(size)) ? "multipart" : "basic";
    return { status: 200, body: { transfer, objects: described } };
  }

  #part(oid: string, part: string | number): string {
    return join(this.#folder, `parts/${oid}.${part}`);
  }
}
