/** Requests of commands and of Python steps go through the user's proxy. Hosts in .test exist in the proxy alone. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { completion } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";
const commit = "b968826d9c46dd6066d109eabc6255188de91218";
const answers: Readonly<Record<string, string>> = {
  "model.test": completion("liver cyst"),
  "hub.test": JSON.stringify({ _id: "1", id: "me/open", sha: commit, gated: false, lastModified: "2026-01-01" }),
};

/** Starts a proxy, sets the variables of the rig, and returns the requests that the proxy receives. */
async function startProxy(rig: Rig, env: Readonly<Record<string, string>>): Promise<string[]> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    const { host } = new URL(request.url as string);
    const answer = answers[host];
    response.writeHead(answer === undefined ? 403 : 200, { "content-type": "application/json" }).end(answer);
  });
  server.on("connect", ({ url }, socket) => {
    seen.push(`CONNECT ${url}`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  rig.onClose(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `me:secret@127.0.0.1:${(server.address() as AddressInfo).port}`;
  rig.env = { ...rig.env, HTTP_PROXY: `http://${address}`, https_proxy: address, HF_HOME: rig.path("hf"), ...env };
  return seen;
}

const credentials = `Basic ${Buffer.from("me:secret").toString("base64")}`;

test("answers of a model server", async ({ rig }) => {
  const seen = await startProxy(rig, {});
  rig.edit(file, /generate: .*/, 'generate: {engine: openai, base_url: "http://model.test/v1", model: m, retries: 0}');
  await rig.build(file);
  expect(new Set(seen)).toEqual(new Set([`POST http://model.test/v1/chat/completions ${credentials}`]));

  rig.edit(file, '"http://model.test/v1", model: m', '"https://model.test/v1", model: another');
  const failed = await rig.exp("run", file);
  expectFailure(failed, 1, "server-unreachable", /by the proxy 127\.0\.0\.1:\d+/);
  expect(`${failed.stdout}${failed.stderr}`).not.toContain("secret");
  expect(seen.at(-1)).toBe("CONNECT model.test:443");

  const before = seen.length;
  rig.env = { ...rig.env, NO_PROXY: ".test" };
  expectFailure(await rig.exp("run", file), 1, "server-unreachable");
  expect(seen).toHaveLength(before);
});

test("a bucket, exp pin, and the download of a model in Python", async ({ rig }) => {
  const seen = await startProxy(rig, {
    HF_ENDPOINT: "http://hub.test",
    AWS_ENDPOINT_URL: "http://s3.test",
    AWS_ACCESS_KEY_ID: "a",
    AWS_SECRET_ACCESS_KEY: "b",
  });
  await rig.build(file);
  expectFailure(await rig.exp("push", "s3://bucket/runs", "study"), 1, "bucket-refused");
  expect(seen.splice(0)).toContainEqual(expect.stringMatching(/^GET http:\/\/s3\.test\/bucket/));

  rig.usePython();
  rig.edit(file, "model: {base: smollm2-135m}", "model: {base: me/open}");
  await rig.output("pin", file);
  expect(rig.read(file)).toContain(commit);
  expect(seen.splice(0)).toEqual([expect.stringMatching(/^GET http:\/\/hub\.test\/api\/models\/me\/open/)]);

  rig.edit("experiments/tuned.yaml", "model: {base: ../models/tiny}", `model: {base: me/open, revision: ${commit}}`);
  expect((await rig.exp("run", "experiments/tuned.yaml", "--until", "fetch")).code).toBe(1);
  expect(seen.splice(0)).toContainEqual(expect.stringMatching(/^(GET|HEAD) http:\/\/hub\.test\//));
});
