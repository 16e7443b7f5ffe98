/** HTTP servers of a test that respond as an OpenAI-compatible server. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { Rig } from "./rig.ts";

export type ChatServer = {
  readonly port: number;
  /** Closes all connections; the server keeps listening. */
  closeConnections(): void;
};

/** Starts a server that ends with the test. */
export async function startServer(rig: Rig, listener: RequestListener, host = "127.0.0.1"): Promise<ChatServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  rig.onClose(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, closeConnections: () => server.closeAllConnections() };
}

/** The body of a chat completion. */
export function completion(text: string): string {
  return JSON.stringify({ choices: [{ message: { content: text }, finish_reason: "stop" }], usage: {} });
}
