/** Runs pushed to a folder, a bucket and a repository, and pulled into another copy of the study. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, PutBucketAclCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect } from "vitest";
import { BucketStore } from "../publishing/remotes/bucket-store.ts";
import type { Transfer } from "../publishing/remotes/push.ts";
import { startServer } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { HubServer } from "./hub-server.ts";
import { Rig, test } from "./rig.ts";
import { S3Server } from "./s3-server.ts";
import { expectIntactStore, expectNoLeftovers } from "./store-checks.ts";

const file = "experiments/study.yaml";

/** A finished study, and the same study without a run; tests use copies. */
let finished: Rig;
let fresh: Rig;
let manifest: string;
let s3: S3Server;
let hub: HubServer;

beforeAll(async () => {
  finished = new Rig();
  finished.edit(file, "baselines: []", "baselines: [most_frequent, nearest]");
  fresh = finished.copy();
  ({ manifest } = await finished.build(file));
  [s3, hub] = await Promise.all([new S3Server().open(), new HubServer().open()]);
}, 600_000);
afterAll(() => {
  finished.close();
  s3.close();
  hub.close();
});
beforeEach(() => {
  s3.requests = [];
  s3.broken = undefined;
  hub.requests = [];
  hub.faults.length = 0;
});

const runOf = (path: string): string => path.split("/").at(-2) as string;

function copyOf(rig: Rig, of: Rig): Rig {
  const copy = of.copy();
  rig.onClose(() => copy.close());
  return copy;
}

async function moved(rig: Rig, ...args: readonly string[]): Promise<Transfer> {
  const { runs } = JSON.parse(await rig.output(...args, "--json")) as { readonly runs: readonly Transfer[] };
  expect(runs).toHaveLength(1);
  return runs[0] as Transfer;
}

/** Pushes twice and pulls twice; afterwards the second study has the run as if it had run it. */
async function pushAndPull(from: Rig, to: Rig, destination: string): Promise<void> {
  const sent = await moved(from, "push", destination, "study");
  expect(sent.moved).toBeGreaterThan(8);
  expect(await moved(from, "push", destination, "study")).toMatchObject({ files: sent.files, moved: 0, bytes: 0 });

  expect(await to.output("pull", destination)).toBe(`study/${runOf(manifest)}\n`);
  expect(await moved(to, "pull", destination, "study", "--trust")).toMatchObject({
    files: sent.files,
    moved: sent.moved,
    bytes: sent.bytes,
  });
  expect(await moved(to, "pull", destination, runOf(manifest), "--trust")).toMatchObject({ moved: 0 });
  expectIntactStore(to);
  expect(await to.json("verify")).toMatchObject({ flaws: [] });
  // The number of test evaluations is counted in each project, so it is removed.
  const shown = async (rig: Rig): Promise<string> =>
    (await rig.output("show", "study")).replaceAll(rig.folder, "").replace(/Recorded evaluations of .*\n\n?/, "");
  expect(await shown(to)).toBe(await shown(from));
  expect(await to.output("ls")).toContain(runOf(manifest));
  const again = await to.build(file);
  expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  expect(runOf(again.manifest)).toBe(runOf(manifest));
  expectNoLeftovers(to);
}

describe("a folder", () => {
  test("a run is pushed and pulled; no file is sent twice", async ({ rig }) => {
    const from = copyOf(rig, finished);
    await pushAndPull(from, copyOf(rig, fresh), rig.path("shared"));
    // A mirror has the same layout: another study restores the steps from it.
    const third = copyOf(rig, fresh);
    const run = await third.build(file, "--mirror", rig.path("shared"));
    expect(new Set(Object.values(run.steps))).toEqual(new Set(["reused"]));
  });

  test("a truncated or damaged copy is rejected on pull, intact files are kept, and a push repairs it", async ({
    rig,
  }) => {
    const [from, to, shared] = [copyOf(rig, finished), copyOf(rig, fresh), rig.path("shared")];
    await from.output("push", shared, "study");
    const { steps } = from.manifest(manifest);
    const of = (step: string, name: string): string => {
      const sha256 = steps[step]?.files[name]?.sha256 as string;
      return join(shared, "files", sha256.slice(0, 2), sha256);
    };
    const [cut, spoilt] = [of("workbook", "workbook.xlsx"), of("evaluate.nearest", "metrics.json")];
    truncateSync(cut, 100);
    writeFileSync(spoilt, rig.read(spoilt).replace("0", "1"));
    expectFailure(await to.exp("pull", shared, "study"), 1, "copy-damaged", /evaluate.nearest: .*metrics.json/);
    expect(existsSync(to.path("artifacts/runs"))).toBe(false);
    expectIntactStore(to);
    rig.remove(spoilt);
    expect((await moved(from, "push", shared, "study")).moved).toBe(2);
    expect(statSync(cut).size).toBe(steps.workbook?.files["workbook.xlsx"]?.size);
    await to.output("pull", shared, "study");
    expectIntactStore(to);

    // Changed manifests.
    const runs = join(shared, "runs/study", `${runOf(manifest)}.json`);
    const text = rig.read(runs);
    for (const bad of [
      "{",
      text.replace('"seed": 1', '"seed": 2'),
      text.replaceAll('"metrics.json"', '"../../metrics.json"'),
    ]) {
      rig.write(runs, bad);
      expectFailure(await copyOf(rig, fresh).exp("pull", shared, "study"), 1, "copy-damaged");
    }
    // A changed record is ignored: the run can be read, and its step is built again when it is needed.
    rig.write(runs, text);
    const record = join(shared, "keys", `${steps["generate.zero_shot"]?.key}.json`);
    rig.write(record, rig.read(record).replace(/"version":\d+/, '"version":99'));
    const last = copyOf(rig, fresh);
    await last.output("pull", shared, "study", "--trust");
    expect((await last.build(file)).steps).toMatchObject({
      "generate.zero_shot": "built",
      data: "reused",
      "evaluate.nearest": "reused",
    });
  });

  test("a run is pushed and pulled completely if a record is missing", async ({ rig }) => {
    const [from, to, shared] = [copyOf(rig, finished), copyOf(rig, fresh), rig.path("shared")];
    const { steps } = from.manifest(manifest);
    from.remove(`artifacts/store/keys/${steps.workbook?.key}.json`);
    await from.output("push", shared, runOf(manifest));
    await to.output("pull", shared, "study", "--trust");
    expectIntactStore(to);
    expect(await to.json("verify")).toMatchObject({ flaws: [] });
    expect(readdirSync(to.path("artifacts/runs/study")).sort()).toEqual(
      [runOf(manifest), `${runOf(manifest)}.origin.json`, "latest"].sort(),
    );
    expect((await to.build(file)).steps).toMatchObject({ workbook: "built", compare: "reused" });
  });

  test("an invalid destination, an unknown run and an incomplete run are errors", async ({ rig }) => {
    const from = copyOf(rig, finished);
    expectFailure(await from.exp("push", "ftp://x/y", "study"), 2, "bad-destination");
    expectFailure(await from.exp("push", "hf://models/me/x", "study"), 2, "bad-destination");
    expectFailure(await from.exp("push", rig.path("nowhere/shared"), "study"), 2, "bad-destination", /nowhere/);
    expectFailure(await from.exp("push", rig.path("shared"), "stuy"), 2, "run-not-found");
    expectFailure(await from.exp("pull", rig.path("shared")), 1, "nothing-pushed");
    const { steps } = from.manifest(manifest);
    from.remove(`artifacts/store/objects/${steps.data?.object}/labels.json`);
    expectFailure(await from.exp("push", rig.path("shared"), "study"), 1, "run-incomplete", /labels.json/);
    expect(readdirSync(rig.path("shared"))).toEqual(["exp-mirror.json"]);
  });
});

describe("a bucket", () => {
  let client: S3Client;
  beforeAll(async () => {
    const credentials = { accessKeyId: "someone", secretAccessKey: "x" };
    client = new S3Client({ endpoint: s3.url, region: "us-east-1", forcePathStyle: true, credentials });
    for (const name of ["runs", "open"]) await client.send(new CreateBucketCommand({ Bucket: name }));
    await client.send(new PutBucketAclCommand({ Bucket: "open", ACL: "public-read" }));
  });

  test("a run is pushed and pulled; no file is sent twice", async ({ rig }) => {
    const [from, to] = [copyOf(rig, finished), copyOf(rig, fresh)];
    [from.env, to.env] = [s3.env, s3.env];
    await pushAndPull(from, to, "s3://runs/of/mine");
    // A push after an interrupted one sends the remaining files only.
    const other = copyOf(rig, finished);
    other.env = s3.env;
    const { steps } = other.manifest(manifest);
    const last = Object.values(steps.workbook?.files ?? {})[0]?.sha256 as string;
    s3.broken = new RegExp(`PUT .*${last}`);
    expectFailure(await other.exp("push", "s3://runs/cut", "study"), 1, "offline");
    const arrived = s3.requests.filter((request) => /^PUT .*\/cut\/files\//.test(request) && !request.includes(last));
    s3.broken = undefined;
    s3.requests = [];
    await other.output("push", "s3://runs/cut", "study");
    const sent = s3.requests.filter((request) => /^PUT .*\/cut\/files\//.test(request));
    expect(sent.some((request) => request.includes(last))).toBe(true);
    expect(sent.filter((request) => arrived.includes(request))).toEqual([]);
  });

  test("a public bucket is refused; a missing bucket and missing credentials are errors", async ({ rig }) => {
    const from = copyOf(rig, finished);
    from.env = s3.env;
    expectFailure(await from.exp("push", "s3://open/x", "study"), 3, "repo-public", /bucket open/);
    expectFailure(await from.exp("push", "s3://none/x", "study"), 1, "bucket-missing", "none");
    expectFailure(await from.exp("pull", "s3://runs/empty", "study"), 1, "nothing-pushed");
    const none = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, HOME: from.folder };
    from.env = { ...s3.env, ...none };
    expectFailure(await from.exp("push", "s3://runs/x", "study"), 1, "bucket-refused");
    expect(s3.requests.filter((request) => request.startsWith("PUT"))).toEqual([]);
  });

  test("a large file is sent in parts, and another process resumes an interrupted upload", async ({ rig }) => {
    const bytes = Buffer.alloc(12 << 20, "0123456789abcdef-");
    const path = rig.path("weights.bin");
    writeFileSync(path, bytes);
    const weights = { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
    Object.assign(process.env, s3.env);
    const place = {
      bucket: "runs",
      prefix: "large",
      env: s3.env,
      signal: new AbortController().signal,
      partSize: 5 << 20,
    };
    s3.broken = /partNumber=3/;
    await expect((await BucketStore.open(place)).put("files/w", path, weights)).rejects.toMatchObject({
      code: "offline",
    });
    s3.broken = undefined;
    s3.requests = [];
    const bucket = await BucketStore.open(place);
    expect(await bucket.put("files/w", path, weights)).toBe(true);
    expect(s3.requests.filter((request) => /partNumber=/.test(request) && request.startsWith("PUT"))).toHaveLength(1);
    expect(await (await BucketStore.open(place)).put("files/w", path, weights)).toBe(false);
    const back = rig.path("back.bin");
    expect(await bucket.take("files/w", back, weights)).toBe(true);
    expect(createHash("sha256").update(readFileSync(back)).digest("hex")).toBe(weights.sha256);
    expect(await bucket.take("files/w", back, { ...weights, sha256: "0".repeat(64) })).toBe(false);
    expect(existsSync(back)).toBe(false);
  });
});

describe("a repository of the hub", () => {
  test("a run is pushed to a new private repository and pulled; no file is sent twice", async ({ rig }) => {
    const [from, to] = [copyOf(rig, finished), copyOf(rig, fresh)];
    const env = { HF_ENDPOINT: hub.url, HF_TOKEN: hub.addUser("me"), HF_HOME: rig.path("hf") };
    [from.env, to.env] = [env, env];
    hub.faults.push({ on: /POST .*\/commit\/main/, times: 1, status: 503 });
    await pushAndPull(from, to, "hf://datasets/me/runs");
    expect(hub.repos.get("me/runs")?.private).toBe(true);
    expect(hub.repos.get("me/runs")?.log).toHaveLength(3);
  });

  test("an invalid address of its storage is an error, and rows do not follow a redirect to another address", async ({
    rig,
  }) => {
    const from = copyOf(rig, finished);
    from.env = { HF_ENDPOINT: hub.url, HF_TOKEN: hub.addUser("me"), HF_HOME: rig.path("hf") };
    const requests: (string | undefined)[] = [];
    const { port } = await startServer(rig, ({ url }, response) => {
      requests.push(url);
      response.end("{}");
    });
    const other = `http://127.0.0.1:${port}`;
    const headers = { location: `${other}/commit` };
    hub.faults.push({ on: /POST .*\/commit\/main/, times: 1, status: 307, headers });
    const push = () => from.exp("push", "hf://datasets/me/elsewhere", "study");
    expectFailure(await push(), 1, "hub-foreign-address", other);
    expect(requests).toEqual([]);
    // A hub redirects to the new name of a repository.
    hub.faults.push({
      ...{ on: /POST .*\/elsewhere\/commit\/main/, times: 1, status: 307 },
      headers: { location: "/api/datasets/me/elsewhere/commit/main" },
    });
    expect((await push()).code).toBe(0);
    const { maxCommitted } = hub;
    try {
      hub.maxCommitted = 0;
      for (const address of ["no address", "file:///etc/passwd", ""]) {
        hub.storage.address = address;
        expectFailure(await from.exp("push", "hf://datasets/me/nowhere", "study"), 1, "hub-error");
      }
    } finally {
      hub.maxCommitted = maxCommitted;
      hub.storage.address = undefined;
    }
  });

  test("a public repository and a token without write access are refused", async ({ rig }) => {
    const from = copyOf(rig, finished);
    from.env = { HF_ENDPOINT: hub.url, HF_TOKEN: hub.addUser("me"), HF_HOME: rig.path("hf") };
    hub.addRepo("me/open", false);
    expectFailure(await from.exp("push", "hf://datasets/me/open", "study"), 3, "repo-public", "me/open");
    from.env = { ...from.env, HF_TOKEN: hub.addUser("me", "read") };
    expectFailure(await from.exp("push", "hf://datasets/me/more", "study"), 1, "hub-token");
    from.env = { HF_ENDPOINT: hub.url, HF_HOME: rig.path("hf") };
    expectFailure(await from.exp("pull", "hf://datasets/me/open", "study"), 1, "hub-token");
    expect(hub.repos.get("me/open")?.log).toEqual([]);
  });
});
