import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP response. */
export type Reply = { readonly status: number; readonly type: "text/html" | "application/json"; readonly body: string };

/** A running server on the loopback address. */
export type Serving = { readonly port: number; close(): Promise<void> };

/**
 * Serves pages on the loopback address; port 0 selects a free port. Requests with another Host header are refused, which prevents
 * DNS rebinding. The server is read-only.
 */
export async function serve(port: number, answer: (url: URL) => Promise<Reply>): Promise<Serving> {
  const server = createServer((request, response) => void reply(request, response, answer));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (url: URL) => Promise<Reply>,
): Promise<void> {
  const send = ({ status, type, body }: Reply): void => {
    response.writeHead(status, {
      "content-type": `${type}; charset=utf-8`,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cross-origin-resource-policy": "same-origin",
      ...(status === 405 ? { allow: "GET, HEAD" } : {}),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  const refuse = (status: number, body: string): void =>
    send({ status, type: "application/json", body: `${JSON.stringify({ error: body })}\n` });
  const { host = "", ...headers } = request.headers;
  const [name, port = "80"] = host.split(":");
  const isOwn = (name === "127.0.0.1" || name === "localhost") && Number(port) === request.socket.localPort;
  if (!isOwn) return refuse(403, "host not allowed: use 127.0.0.1 or localhost");
  if (headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] !== "navigate")
    return refuse(403, "cross-site request refused");
  if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "method not allowed: use GET or HEAD");
  let url: URL;
  try {
    url = new URL(request.url ?? "/", `http://${host}`);
  } catch {
    return refuse(400, "invalid URL");
  }
  try {
    send(await answer(url));
  } catch (error) {
    refuse(500, (error as Error).message);
    throw error;
  }
}
