import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP response. */
export type Reply = { readonly status: number; readonly type: "text/html" | "application/json"; readonly body: string };

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
 * Other users of the machine can connect too. The first request must therefore have the token of the address; its response sets
 * a cookie, which later requests must have. Both are valid until the server ends.
 */
export async function serve(port: number, answer: (url: URL) => Promise<Reply>): Promise<Serving> {
  const token = randomBytes(24).toString("base64url");
  const server = createServer((request, response) => void reply(request, response, token, answer));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/?token=${token}`,
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
  token: string,
  answer: (url: URL) => Promise<Reply>,
): Promise<void> {
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
  // Browsers request it by themselves. The pages have no icon.
  if (url.pathname === "/favicon.ico") return send({ status: 204, type: "text/html", body: "" });
  // A cookie is valid for every port of a host, so its name has the port.
  const cookie = `exp-view-${request.socket.localPort}`;
  const given = url.searchParams.get("token");
  if (given !== null && isEqual(given, token)) {
    url.searchParams.delete("token");
    const type = "text/html";
    const next = `${url.pathname.replace(/^\/+/, "/")}${url.search}`.replaceAll(
      /["&<>]/g,
      (one) => `&#${one.charCodeAt(0)};`,
    );
    // Not a redirect: a browser does not send a new strict cookie if a page of another site led to this address.
    const body = `<!doctype html><title>exp view</title><meta http-equiv="refresh" content="0; url=${next}">\n`;
    return send({ status: 200, type, body }, { "set-cookie": `${cookie}=${token}; Path=/; HttpOnly; SameSite=Strict` });
  }
  const cookies = (headers.cookie ?? "").split(/;\s*/).map((one) => one.split("="));
  if (!cookies.some(([key, value = ""]) => key === cookie && isEqual(value, token)))
    return refuse(403, "open the address that exp view printed: it has a token");
  try {
    send(await answer(url));
  } catch {
    refuse(500, "the page cannot be made");
  }
}

/** Compares in a time that does not depend on the content. */
function isEqual(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}
