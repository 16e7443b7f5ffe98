import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP response. */
export type Reply = { readonly status: number; readonly type: "text/html" | "application/json"; readonly body: string };

/** The response to a request; `base` is the prefix of the addresses of pages, such as "/token". */
export type Answer = (url: URL, base: string) => Promise<Reply>;

/** A running server on the loopback address. */
export type Serving = {
  /** The address of the start page, with the token. */
  readonly address: string;
  close(): Promise<void>;
};

/**
 * Serves pages on the loopback address; port 0 selects a free port. Requests with another Host header are refused, which prevents
 * DNS rebinding. The server is read-only.
 *
 * Other users of the machine can connect too. Each address therefore starts with a random token, which is valid until the server
 * ends. A cookie would not do: a browser sends it to the servers of other users at other ports. `answer` gets an address without
 * the token, and `base`, the prefix of the addresses of pages.
 */
export async function serve(port: number, answer: Answer): Promise<Serving> {
  const token = randomBytes(24).toString("base64url");
  const server = createServer((request, response) => void reply(request, response, token, answer));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${token}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function reply(request: IncomingMessage, response: ServerResponse, token: string, answer: Answer): Promise<void> {
  const send = ({ status, type, body }: Reply, headers: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, {
      "content-type": `${type}; charset=utf-8`,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      ...(status === 405 ? { allow: "GET, HEAD" } : {}),
      ...headers,
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  const refuse = (status: number, body: string): void =>
    send({ status, type: "application/json", body: `${JSON.stringify({ error: body })}\n` });
  const { host = "" } = request.headers;
  const [name, port = "80"] = host.split(":");
  const isOwn = (name === "127.0.0.1" || name === "localhost") && Number(port) === request.socket.localPort;
  if (!isOwn) return refuse(403, "host not allowed: use 127.0.0.1 or localhost");
  if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "method not allowed: use GET or HEAD");
  let url: URL;
  try {
    url = new URL(request.url ?? "/", `http://${host}`);
  } catch {
    return refuse(400, "invalid URL");
  }
  // Browsers request it by themselves. The pages have no icon.
  if (url.pathname === "/favicon.ico") return send({ status: 204, type: "text/html", body: "" });
  const [, given = "", ...rest] = url.pathname.split("/");
  if (!isEqual(given, token) || rest.length === 0)
    return refuse(403, "open the address that exp view printed: it has a token");
  url.pathname = `/${rest.join("/")}`;
  try {
    send(await answer(url, `/${token}`));
  } catch {
    refuse(500, "the page cannot be made");
  }
}

/** Compares in a time that does not depend on the content. */
function isEqual(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}
