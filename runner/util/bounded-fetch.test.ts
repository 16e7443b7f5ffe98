import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import { boundedFetch, boundedStream } from "./bounded-fetch.ts";

const atEnd: (() => void)[] = [];
afterEach(() => atEnd.splice(0).forEach((act) => void act()));

async function serve(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Sends a space every few milliseconds until the client closes the connection. */
function drip(response: ServerResponse): Promise<void> {
  const timer = setInterval(() => response.write(" "), 5);
  return new Promise((resolve) =>
    response.on("close", () => {
      clearInterval(timer);
      resolve();
    }),
  );
}

const limits = { bytes: 1000, time: 10_000 };

it("reads an answer within the limits", async () => {
  const url = await serve((response) => void response.writeHead(201, { "x-name": "value" }).end("a".repeat(1000)));
  const response = await boundedFetch(url, undefined, { limits, signals: [] });
  expect([response.status, response.url, response.headers.get("x-name")]).toEqual([201, url, "value"]);
  expect(await response.text()).toHaveLength(1000);
});

it("reads an answer without a body", async () => {
  const url = await serve((response) => void response.writeHead(204).end());
  expect(await (await boundedFetch(url, undefined, { limits, signals: [] })).text()).toBe("");
});

it("ends an endless body at the size limit, and closes the connection", async () => {
  let sent = 0;
  let closed: Promise<unknown> = Promise.resolve();
  const url = await serve((response) => {
    closed = new Promise((resolve) => response.on("close", resolve));
    const send = (): void => {
      sent += 65_536;
      if (!response.destroyed) response.write("x".repeat(65_536), send);
    };
    send();
  });
  const response = await boundedFetch(url, undefined, { limits, signals: [] });
  await expect(response.text()).rejects.toMatchObject({ code: "response-too-large" });
  await closed;
  expect(sent).toBeLessThan(50e6);
});

it("counts the decoded bytes of a compressed body", async () => {
  const { gzipSync } = await import("node:zlib");
  const bomb = gzipSync(Buffer.alloc(10e6));
  const url = await serve((response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
  const response = await boundedFetch(url, undefined, { limits: { ...limits, bytes: 1e6 }, signals: [] });
  await expect(response.arrayBuffer()).rejects.toMatchObject({ code: "response-too-large" });
});

it("ends a slow body at the time limit", async () => {
  let closed: Promise<unknown> = Promise.resolve();
  const url = await serve((response) => {
    closed = drip(response);
  });
  const response = await boundedFetch(url, undefined, { limits: { ...limits, time: 150 }, signals: [] });
  await expect(response.text()).rejects.toMatchObject({ name: "TimeoutError" });
  await closed;
});

it("ends a silent request at the time limit", async () => {
  const url = await serve(() => undefined);
  const request = boundedFetch(url, undefined, { limits: { ...limits, time: 50 }, signals: [] });
  await expect(request).rejects.toMatchObject({ name: "TimeoutError" });
});

it("an abort reaches the body, also if the request was collected", async () => {
  let closed: Promise<unknown> = Promise.resolve();
  const url = await serve((response) => {
    closed = drip(response);
  });
  const stop = new AbortController();
  const response = await boundedFetch(url, undefined, { limits, signals: [stop.signal] });
  const body = response.text();
  setTimeout(() => {
    globalThis.gc?.();
    stop.abort(new Error("stopped"));
  }, 30);
  await expect(body).rejects.toThrow("stopped");
  await closed;
});

it("a request with an aborted signal is not sent", async () => {
  let requests = 0;
  const url = await serve((response) => {
    requests++;
    response.end();
  });
  const signals = [AbortSignal.abort(new Error("stopped"))];
  await expect(boundedFetch(url, undefined, { limits, signals })).rejects.toThrow("stopped");
  expect(requests).toBe(0);
});

it("bounds a Node.js stream by size, time and signal", async () => {
  const { signal } = new AbortController();
  expect(await text(boundedStream(Readable.from(["ab", "c"].map(Buffer.from)), limits, signal, "x"))).toBe("abc");
  const large = Readable.from(Array.from({ length: 50 }, () => Buffer.alloc(100)));
  await expect(buffer(boundedStream(large, limits, signal, "x"))).rejects.toMatchObject({ code: "response-too-large" });
  expect(large.destroyed).toBe(true);
  const endless = () =>
    Readable.from(
      (async function* () {
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          yield Buffer.from(" ");
        }
      })(),
    );
  const late = boundedStream(endless(), { ...limits, time: 50 }, signal, "x");
  await expect(buffer(late)).rejects.toMatchObject({ name: "TimeoutError" });
  const stop = new AbortController();
  const stopped = boundedStream(endless(), limits, stop.signal, "x");
  setTimeout(() => stop.abort(new Error("stopped")), 20);
  await expect(buffer(stopped)).rejects.toThrow("stopped");
});
