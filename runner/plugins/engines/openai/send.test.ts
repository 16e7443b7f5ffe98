import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createPace } from "./pace.ts";
import { retryAfter, send } from "./send.ts";

type Behave = (response: ServerResponse, request: IncomingMessage, body: string) => void;

const atEnd: (() => void)[] = [];
afterEach(() => atEnd.splice(0).forEach((act) => void act()));

/** A server with one behaviour for each request; the last one repeats. */
async function serve(...behaviours: readonly Behave[]) {
  const seen: { readonly url: string; readonly key: string | undefined; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const act = behaviours[Math.min(seen.length, behaviours.length - 1)] as Behave;
      seen.push({ url: request.url ?? "", key: request.headers.authorization, body });
      act(response, request, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}/v1`, seen };
}

const respond =
  (status: number, body: string, headers: Record<string, string> = {}): Behave =>
  (response) =>
    void response.writeHead(status, headers).end(body);

const good = respond(
  200,
  JSON.stringify({
    model: "served",
    choices: [{ message: { content: "A, B" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 7, completion_tokens: 3 },
  }),
);

const asking = (baseUrl: string, more: Partial<Parameters<typeof send>[0]> = {}) => {
  const retried: string[] = [];
  const server = {
    baseUrl,
    apiKey: "sk-secret-123",
    timeout: 20,
    maxBytes: 10_000,
    retries: 2,
    firstWait: 1,
    pace: createPace(undefined),
    signal: new AbortController().signal,
    onRetry: (why: string) => void retried.push(why),
    ...more,
  };
  return { retried, reply: send(server, { model: "m" }) };
};

it("gives the answer, its end and the tokens that the server counted", async () => {
  const { baseUrl, seen } = await serve(good);
  const { reply } = asking(`${baseUrl}/`);
  const answer = { text: "A, B", prompt_tokens: 7, new_tokens: 3, finish: "stop" };
  expect(await reply).toEqual({ answer, model: "served" });
  expect(seen).toEqual([{ url: "/v1/chat/completions", key: "Bearer sk-secret-123", body: '{"model":"m"}' }]);
});

const half: Behave = (response) => {
  response.writeHead(200, { "content-length": "500" });
  response.write('{"choices": [{"mess');
  setTimeout(() => response.destroy(), 5);
};

const temporary: Record<string, readonly [Behave, string]> = {
  "429": [respond(429, '{"error": {"message": "slow down"}}', { "retry-after": "0" }), "server-busy"],
  "500": [respond(500, "oops"), "server-error"],
  "503 with a page": [respond(503, "<html>\n<body>"), "server-error"],
  garbage: [respond(200, "<html>hello</html>"), "server-invalid-response"],
  "JSON of another kind": [respond(200, '{"choices": []}'), "server-invalid-response"],
  "half a response": [half, "server-unreachable"],
  "a closed connection": [(response) => void response.destroy(), "server-unreachable"],
};

for (const [name, [behave, code]] of Object.entries(temporary)) {
  it(`${name}: tried again, then one error`, async () => {
    const once = asking((await serve(behave, good)).baseUrl);
    expect((await once.reply).answer.text).toBe("A, B");
    expect(once.retried).toEqual([code]);
    const { baseUrl, seen } = await serve(behave);
    await expect(asking(baseUrl).reply).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/3 attempts/),
      help: expect.stringMatching(/the next run resumes/),
    });
    expect(seen).toHaveLength(3);
  });
}

const final: Record<string, readonly [Behave, string, RegExp]> = {
  "401 that quotes the key": [
    respond(401, '{"error": {"message": "bad key sk-secret-123"}}'),
    "server-refused",
    /^the server answered 401: bad key \[redacted\]$/,
  ],
  "403": [respond(403, '{"detail": "no"}'), "server-refused", /403: no/],
  "404": [respond(404, '{"error": "no model"}'), "server-not-found", /404: no model/],
  "400": [respond(400, '{"message": "unknown response_format"}'), "server-rejected", /400: unknown response_format/],
};

for (const [name, [behave, code, message]] of Object.entries(final)) {
  it(`${name}: one error at once`, async () => {
    const { baseUrl, seen } = await serve(behave);
    await expect(asking(baseUrl).reply).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(seen).toHaveLength(1);
  });
}

/** Address of a port at which a server has stopped. */
async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return `http://127.0.0.1:${port}/v1`;
}

it("a server that does not respond, and an address without a server", async () => {
  const { baseUrl } = await serve(() => undefined);
  await expect(asking(baseUrl, { timeout: 0.05, retries: 0 }).reply).rejects.toMatchObject({ code: "server-timeout" });
  const gone = asking(await closedPort(), { retries: 0 });
  await expect(gone.reply).rejects.toMatchObject({
    code: "server-unreachable",
    message: expect.stringMatching(/ECONNREFUSED/),
  });
});

it("an answer that quotes the key is stored without it, and one with the word EMPTY as it is", async () => {
  const { baseUrl } = await serve(
    respond(
      200,
      JSON.stringify({ choices: [{ message: { content: "EMPTY sk-a-secret-of-this-user" }, finish_reason: "stop" }] }),
    ),
  );
  const textFor = async (apiKey: string) => (await asking(baseUrl, { apiKey }).reply).answer.text;
  expect(await textFor("sk-a-secret-of-this-user")).toBe("EMPTY [redacted]");
  expect(await textFor("EMPTY")).toBe("EMPTY sk-a-secret-of-this-user");
});

it("an answer that quotes the key in escapes of JSON is stored without it, and so is a model", async () => {
  const key = "sk-a-secret-of-this-user";
  const body = JSON.stringify({ model: key, choices: [{ message: { content: key }, finish_reason: "stop" }] });
  const { baseUrl } = await serve(respond(200, body.replaceAll("sk-", "\\u0073k-")));
  const { answer, model } = await asking(baseUrl, { apiKey: key }).reply;
  expect([answer.text, model]).toEqual(["[redacted]", "[redacted]"]);
});

it("an interrupt ends a request and a wait", async () => {
  const { baseUrl } = await serve(() => undefined);
  const stop = new AbortController();
  const { reply } = asking(baseUrl, { signal: stop.signal });
  setTimeout(() => stop.abort(), 20);
  await expect(reply).rejects.toMatchObject({ name: "AbortError" });
});

it("reads Retry-After as seconds or a date", () => {
  const now = Date.parse("2026-11-24T10:00:00Z");
  expect(retryAfter("2.5", now)).toBe(2500);
  expect(retryAfter("Tue, 24 Nov 2026 10:00:03 GMT", now)).toBe(3000);
  expect(retryAfter("Tue, 24 Nov 2026 09:00:00 GMT", now)).toBe(0);
  expect(retryAfter("99999", now)).toBe(600_000);
  expect([retryAfter(null), retryAfter(""), retryAfter("soon")]).toEqual([undefined, undefined, undefined]);
});

it("spaces requests evenly, and delays all of them", async () => {
  const pace = createPace(60_000 / 20);
  const { signal } = new AbortController();
  const started = performance.now();
  await Promise.all([pace.turn(signal), pace.turn(signal), pace.turn(signal)]);
  expect(performance.now() - started).toBeGreaterThanOrEqual(39);
  const delayed = createPace(undefined);
  delayed.delay(30);
  const from = performance.now();
  await Promise.all([delayed.turn(signal), delayed.turn(signal)]);
  expect(performance.now() - from).toBeGreaterThanOrEqual(29);
});
