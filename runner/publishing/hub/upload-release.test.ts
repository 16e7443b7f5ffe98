/** Uploads to a simulated hub with faults. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Hub, openHub } from "../../hub/connection.ts";
import { HubServer } from "../../testing/hub-server.ts";
import type { Release, ReleaseFile } from "../release/release.ts";
import { uploadRelease } from "./upload-release.ts";

let server: HubServer;
let hub: Hub;
let folder: string;
let stop: AbortController;
const repo = "me/model";

beforeEach(async () => {
  server = await new HubServer().open();
  folder = mkdtempSync(join(tmpdir(), "exp-publish-"));
  stop = new AbortController();
  const env = { HF_ENDPOINT: `${server.url}/`, HF_TOKEN: server.addUser("me") };
  hub = { ...openHub({ env, stop: stop.signal }), firstWait: 5 };
});

afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function file(path: string, bytes: Buffer): ReleaseFile {
  const name = join(folder, path.replaceAll("/", "_"));
  writeFileSync(name, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { path, sha256, size: bytes.length, content: { file: name } };
}

function note(path: string, text: string): ReleaseFile {
  return { path, sha256: createHash("sha256").update(text).digest("hex"), size: text.length, content: { text } };
}

const release = (...files: ReleaseFile[]): Release => ({
  type: "model",
  repo,
  private: true,
  title: "study 1",
  files,
});

/** Two files for storage and three for the commit. */
const model = (): Release =>
  release(
    file("a.safetensors", randomBytes(300_000)),
    file("b.safetensors", randomBytes(400_000)),
    file("sub/config.json", Buffer.from("{}")),
    file("empty.txt", Buffer.alloc(0)),
    note("README.md", "# model\n"),
  );

it("sends nothing to a repository that is public although a private one was requested", async () => {
  const open = (): void => void server.addRepo(repo, false);
  // Another process creates it at the same time.
  server.faults.push({ on: /^POST \/api\/repos\/create$/, times: 1, meanwhile: open });
  await expect(uploadRelease(model(), hub, () => {})).rejects.toMatchObject({ code: "repo-public" });
  expect(puts()).toBe(0);
  expect(server.repos.get(repo)?.log).toEqual([]);
});

it("is an error if the repository became public while the files were sent", async () => {
  const published = server.addRepo(repo, true);
  const publish = (): void => {
    published.private = false;
  };
  server.faults.push({ on: /\/commit\//, times: 1, meanwhile: publish });
  await expect(uploadRelease(model(), hub, () => {})).rejects.toMatchObject({ code: "repo-public" });
  expect(published.log).toHaveLength(1);
});

const puts = (): number => server.requests.filter((asked) => asked.startsWith("PUT ")).length;

function expectIntactStore({ files }: Release): void {
  for (const { path, sha256 } of files) {
    expect(createHash("sha256").update(server.bytes(repo, path)).digest("hex"), path).toBe(sha256);
  }
}

describe("an upload", () => {
  it("accepts a token of another form", async () => {
    const env = { HF_ENDPOINT: server.url, HF_TOKEN: server.addUser("me", "write", {}, "own-hub-") };
    const whole = model();
    await uploadRelease(whole, { ...openHub({ env, stop: stop.signal }), firstWait: 5 }, () => {});
    expectIntactStore(whole);
  });

  it("makes a private repository with every file in one commit", async () => {
    const whole = model();
    const { commit, sent } = await uploadRelease(whole, hub, () => {});
    expect(sent.toSorted()).toEqual(whole.files.map(({ path }) => path).sort());
    expectIntactStore(whole);
    const kept = server.repos.get(repo);
    expect([kept?.private, kept?.sha, kept?.log]).toEqual([true, commit, ["Upload study 1"]]);
  });

  it("only lists when nothing has changed, over every page of a listing", async () => {
    server.pageSize = 2;
    const whole = model();
    const { commit } = await uploadRelease(whole, hub, () => {});
    server.requests = [];
    expect(await uploadRelease(whole, hub, () => {})).toEqual({ commit, sent: [] });
    expect(server.requests.every((asked) => /^GET \/api\/models\/me\/model\/(revision|tree)\//.test(asked))).toBe(true);
  });

  it("sends what has changed and nothing else, and leaves other files alone", async () => {
    const whole = model();
    await uploadRelease(whole, hub, () => {});
    const changed = { ...whole, files: [...whole.files.slice(0, 4), note("README.md", "# other\n")] };
    server.requests = [];
    expect((await uploadRelease(changed, hub, () => {})).sent).toEqual(["README.md"]);
    expect(puts()).toBe(0);
    expectIntactStore(changed);
    expect(server.repos.get(repo)?.files.has(".gitattributes")).toBe(true);
  });

  it("is sent in parts if the storage requests parts", async () => {
    server.storage.partSize = 150_000;
    const whole = model();
    await uploadRelease(whole, hub, () => {});
    expect(puts()).toBe(2 + 3);
    expectIntactStore(whole);
  });

  it("of 200 MB arrives with the same bytes", async () => {
    const whole = release(file("model.safetensors", randomBytes(200_000_000)));
    await uploadRelease(whole, hub, () => {});
    expectIntactStore(whole);
    server.requests = [];
    await uploadRelease(whole, hub, () => {});
    expect(puts()).toBe(0);
  }, 60_000);
});

describe("an upload succeeds if", () => {
  const passing = [
    ["a connection is cut in the middle of a file", { on: /^PUT /, times: 1, cutAfter: 100_000 }],
    ["storage fails twice", { on: /^PUT /, times: 2, status: 500 }],
    ["the hub asks to wait", { on: /whoami|preupload|batch/, times: 1, status: 429, headers: { "retry-after": "0" } }],
    ["a listing fails", { on: /tree/, times: 1, status: 503 }],
    ["the commit is refused because of another one", { on: /commit/, times: 1, status: 409 }],
    ["the answer to the commit is lost", { on: /commit/, times: 1, loseResponse: true }],
    ["the answer to the creation is lost", { on: /repos\/create/, times: 1, loseResponse: true }],
    ["everything is slow", { on: /./, times: 99, delay: 20 }],
  ] as const;
  for (const [what, fault] of passing) {
    it(what, async () => {
      server.faults.push({ ...fault });
      const whole = model();
      await uploadRelease(whole, hub, () => {});
      expectIntactStore(whole);
      expect(server.repos.get(repo)?.log).toHaveLength(1);
    });
  }

  it("another client creates the repository in between", async () => {
    const meanwhile = () => void server.addRepo(repo, true);
    server.faults.push({ on: /repos\/create/, times: 1, meanwhile });
    const whole = model();
    await uploadRelease(whole, hub, () => {});
    expectIntactStore(whole);
  });
});

describe("an interrupted upload", () => {
  it("fails with its last error, and the next upload sends only what is missing", async () => {
    const whole = model();
    server.faults.push({ on: /commit/, times: 5, status: 500 });
    await expect(uploadRelease(whole, hub, () => {})).rejects.toMatchObject({
      code: "hub-busy",
      message: /answered 500/,
    });
    expect(server.storage.received).toBe(700_000);
    await uploadRelease(whole, hub, () => {});
    expect(server.storage.received).toBe(700_000);
    expectIntactStore(whole);
  });

  it("ends at once when it is stopped", async () => {
    server.faults.push({ on: /^PUT /, times: 9, delay: 30, meanwhile: () => stop.abort() });
    await expect(uploadRelease(model(), hub, () => {})).rejects.toThrow(/abort/i);
    expect(server.repos.get(repo)?.log).toEqual([]);
  });
});

describe("fails at once for:", () => {
  const final = [
    ["a refused token", { on: /tree/, times: 1, status: 401 }, "hub-token"],
    ["a repository that may not be written", { on: /preupload/, times: 1, status: 403 }, "hub-token"],
    ["a request that the hub does not take", { on: /commit/, times: 1, status: 400 }, "hub-error"],
  ] as const;
  for (const [what, fault, code] of final) {
    it(what, async () => {
      server.addRepo(repo, true);
      server.faults.push({ ...fault });
      await expect(uploadRelease(model(), hub, () => {})).rejects.toMatchObject({ code, message: /said the test/ });
      expect(server.requests.filter((asked) => fault.on.test(asked))).toHaveLength(1);
    });
  }

  it("no hub", async () => {
    const away = openHub({ env: { HF_ENDPOINT: "http://127.0.0.1:9", HF_TOKEN: hub.token }, stop: stop.signal });
    await expect(uploadRelease(model(), { ...away, firstWait: 5 }, () => {})).rejects.toMatchObject({
      code: "offline",
    });
  });

  it("a repository that then holds other bytes", async () => {
    const [first, ...rest] = model().files as [ReleaseFile, ...ReleaseFile[]];
    const wrong = release({ ...first, sha256: "0".repeat(64) }, ...rest);
    await expect(uploadRelease(wrong, hub, () => {})).rejects.toMatchObject({
      code: "upload-differs",
      message: /a\.safetensors/,
    });
  });
});
