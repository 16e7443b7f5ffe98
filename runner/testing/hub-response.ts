/** Responses of the simulated hub. */
import { createReadStream, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";

/** A JSON response. */
export type JsonResponse = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A response with the content of a file: its bytes, or a path. */
export type FileResponse = {
  readonly content: Buffer | string;
  readonly headers: Readonly<Record<string, string>>;
};

/** An error of the hub. `code` is the header x-error-code; empty for none. */
export function errorResponse(status: number, code: string, error = code): JsonResponse {
  return { status, body: { error }, headers: code === "" ? {} : { "x-error-code": code } };
}

/** Sends a response. The response to HEAD has no body. */
export function send(request: IncomingMessage, response: ServerResponse, what: JsonResponse | FileResponse): void {
  if ("status" in what) {
    response.writeHead(what.status, { "content-type": "application/json", ...what.headers });
    response.end(request.method === "HEAD" ? undefined : JSON.stringify(what.body));
    return;
  }
  const { content, headers } = what;
  const size = typeof content === "string" ? statSync(content).size : content.length;
  response.writeHead(200, { ...headers, "content-length": size });
  if (request.method === "HEAD") response.end();
  else if (typeof content === "string") createReadStream(content).pipe(response);
  else response.end(content);
}
