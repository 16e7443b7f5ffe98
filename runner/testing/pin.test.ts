/** `exp pin` with a server that implements the hub's API. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect } from "vitest";
import { errorCodes, expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";
const commits: Readonly<Record<string, string>> = {
  HEAD: "b968826d9c46dd6066d109eabc6255188de91218",
  main: "b968826d9c46dd6066d109eabc6255188de91218",
  "v1/rc": "1cfa9a7208912126459214e8b04321603b3df60c",
};
const token = "TokenOfAnotherHub0123456789";
let seen: IncomingMessage[] = [];

/** A hub with a public, a gated and a private model, and its error codes. */
const hub = createServer((request, response) => {
  seen.push(request);
  const match = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^?]+)/.exec(request.url as string);
  const [, name = "", written = ""] = match ?? [];
  const answer = (status: number, body: unknown, code?: string): void => {
    response.writeHead(status, { "content-type": "application/json", ...(code ? { "x-error-code": code } : {}) });
    response.end(JSON.stringify(body));
  };
  const isKnown = request.headers.authorization === `Bearer ${token}`;
  if (request.headers.authorization !== undefined && !isKnown) return answer(401, { error: "Invalid credentials" });
  if (name === "me/broken") return answer(503, { error: "upstream" });
  if (name === "me/closed") return answer(403, { error: "Access restricted" }, "GatedRepo");
  if (name === "me/odd") return answer(200, { _id: "1", id: name, lastModified: "2026-01-01" });
  if (!["me/open", "me/gated"].includes(name) && !(name === "me/private" && isKnown)) {
    return answer(isKnown ? 404 : 401, { error: "Repository not found" }, "RepoNotFound");
  }
  const sha = commits[decodeURIComponent(written)];
  if (sha === undefined) return answer(404, { error: "Invalid rev id" }, "RevisionNotFound");
  answer(200, { _id: "1", id: name, sha, gated: name === "me/gated" ? "auto" : false, lastModified: "2026-01-01" });
});

let endpoint: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
});
afterAll(() => void hub.close());
beforeEach(() => {
  seen = [];
});

function model(rig: Rig, text: string): void {
  rig.env = { HF_ENDPOINT: endpoint, HF_HOME: rig.path("hf") };
  rig.edit(file, "model: {base: smollm2-135m}", text);
}

test("the commit of an embedding model is pinned next to that of the model", async ({ rig }) => {
  model(rig, "model: {base: me/open}\nevaluate: {embedding: {base: me/gated}}\n");
  await rig.output("pin", file);
  expect(rig.read(file)).toContain(`evaluate: {embedding: {base: me/gated, revision: ${commits.main}}}`);
  expect(rig.read(file)).toContain(`model: {base: me/open, revision: ${commits.main}}`);
});

test("a model without revision gets the commit of main; the experiment is valid then", async ({ rig }) => {
  model(rig, "model:   # theirs\n  base: me/open\n");
  expectFailure(await rig.exp("check", file), 2, "unpinned-revision");
  const before = rig.read(file);
  expect(await rig.output("pin", file)).toContain(commits.main);
  expect(rig.read(file)).toBe(before.replace("  base: me/open\n", `  base: me/open\n  revision: ${commits.main}\n`));
  expect(seen[0]?.headers.authorization).toBeUndefined();
  await rig.output("check", file);
  const pinned = rig.read(file);
  expect(await rig.json("pin", file)).toMatchObject({ commit: commits.main, changed: false });
  expect([rig.read(file), seen.length]).toEqual([pinned, 1]);
});

test("a branch or tag, with or without a slash, is replaced by its commit; --to sets another", async ({ rig }) => {
  model(rig, "model: {base: me/open, revision: v1/rc}");
  const pinned = JSON.parse(await rig.output("pin", file, "--json"));
  const now = { file, base: "me/open", before: "v1/rc", commit: commits["v1/rc"], changed: true, gated: false };
  expect(pinned).toEqual(now);
  expect(rig.read(file)).toContain(`model: {base: me/open, revision: ${commits["v1/rc"]}}\n`);
  await rig.output("pin", file, "--to", "main");
  expect(rig.read(file)).toContain(`model: {base: me/open, revision: ${commits.main}}\n`);
});

test("the commit is written next to model.base, in the file that contains it", async ({ rig }) => {
  model(rig, "extends: shared.yaml");
  rig.write("experiments/shared.yaml", "model: {base: me/gated}\n");
  const before = rig.read(file);
  expect(await rig.output("pin", file)).toMatch(/^experiments\/shared\.yaml: .*\n.*me\/gated.* gated/);
  expect([rig.read(file), rig.read("experiments/shared.yaml")]).toEqual([
    before,
    `model: {base: me/gated, revision: ${commits.main}}\n`,
  ]);
});

test("a private model is pinned with the token of HF_TOKEN or of a login", async ({ rig }) => {
  model(rig, "model: {base: me/private}");
  expectFailure(await rig.exp("pin", file), 1, "model-not-found", "me/private");
  rig.write("hf/token", `${token}\n`);
  await rig.output("pin", file);
  rig.env = { ...rig.env, HF_HOME: rig.path("none"), HF_TOKEN: token };
  await rig.output("pin", file, "--to", "main");
  expect(rig.read(file)).toContain(commits.main);
});

describe("a model that cannot be pinned is one error, and the file does not change:", () => {
  const cases: readonly (readonly [what: string, text: string, exit: number, code: string, env?: object])[] = [
    ["no such model", "model: {base: me/nothing}", 1, "model-not-found"],
    ["no such branch", "model: {base: me/open, revision: dev}", 1, "revision-missing"],
    ["no access", "model: {base: me/closed}", 1, "gated"],
    ["an invalid token", "model: {base: me/open}", 1, "token-refused", { HF_TOKEN: "hf_wrongwrongwrong" }],
    ["a hub that fails", "model: {base: me/broken}", 1, "hub-error"],
    ["a response without a commit", "model: {base: me/odd}", 1, "hub-error"],
    ["no network", "model: {base: me/open}", 1, "offline", { HF_ENDPOINT: "http://127.0.0.1:9" }],
    ["HF_HUB_OFFLINE", "model: {base: me/open}", 1, "offline", { HF_HUB_OFFLINE: "1" }],
    ["a bundled model", "model: {base: smollm2-135m }", 2, "cannot-pin"],
    ["a folder", "model: {base: ./models/mine}", 2, "cannot-pin"],
    ["no model", "model: {size: 8B}", 2, "missing-key"],
    ["a sweep", "sweep: {zip: {model.base: [me/open]}}\nmodel: {base: me/open}", 2, "cannot-pin"],
    ["invalid YAML", "model: {base: me/open", 2, "yaml-syntax"],
  ];
  for (const [what, text, exit, code, env] of cases) {
    test(what, async ({ rig }) => {
      model(rig, text);
      const before = rig.read(file);
      const ended = await rig.start(["pin", file], { env: { ...env } }).ended;
      expectFailure(ended, exit, code);
      expect(errorCodes(ended)).toEqual([code]);
      expect(ended.stderr).not.toContain("wrongwrong");
      expect(rig.read(file)).toBe(before);
    });
  }
});

test("a data set whose name no repository can have is an error, without a request", async ({ rig }) => {
  model(rig, "model: {base: me/open}");
  rig.edit(file, "train: {file: data/train.csv}", "train: {hub: ../../etc}");
  const before = rig.read(file);
  expectFailure(await rig.exp("pin", file), 2, "cannot-pin", /\.\.\/\.\.\/etc/);
  expect([rig.read(file), seen]).toEqual([before, []]);
  expectFailure(await rig.exp("check", file), 2, "bad-format", /data\.train\.hub/);
});
