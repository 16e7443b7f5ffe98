/** Data sets of the hub, from `exp pin` to the report, with a simulated hub. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { errorCodes, expectFailure, type PlanJson } from "./command.ts";
import { HubServer } from "./hub-server.ts";
import { type Rig, test } from "./rig.ts";

const file = "tickets/x.yaml";
let hub: HubServer;

beforeEach(async () => {
  hub = await new HubServer().open();
});
afterEach(() => hub.close());

const tickets = [
  "The screen is black",
  "I cannot log in",
  "Where is my invoice",
  "The app is slow",
  "Please refund me",
  "My parcel is late",
];
const rows = (from: number, to: number): string =>
  tickets
    .slice(from, to)
    .map((text, at) => `${JSON.stringify({ text, team: (from + at) % 2 === 0 ? "tech" : "billing" })}\n`)
    .join("");

/** Adds a data set with two training files, of which one is in storage, and a test file. */
function addDataset(name: string, isPrivate = false): string {
  const repo = hub.addRepo(name, isPrivate);
  hub.put(
    name,
    "README.md",
    "---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: train, path: data/train-*}\n  - {split: test, path: data/held.jsonl}\n---\n",
  );
  hub.put(name, "data/train-1.jsonl", rows(0, 2), { lfs: true });
  hub.put(name, "data/train-2.jsonl", rows(2, 4));
  hub.put(name, "data/held.jsonl", rows(4, 6));
  return repo.sha;
}

function study(rig: Rig, name: string): void {
  rig.env = { HF_ENDPOINT: hub.url, HF_HOME: rig.path("hf") };
  rig.write("tickets/answers.jsonl", '{"id":"1","labels":["tech"]}\n{"id":"2","labels":["tech"]}\n');
  rig.write("tickets/t.hbs", "{{#user}}{{input}}{{/user}}");
  rig.write(
    file,
    `name: tickets
task: single_label
data:
  train: {hub: ${name}}     # support tickets
  test:
    hub: ${name}            # their test split
  columns: {input: text, target: team}
model: {base: smollm2-135m}
prompt: {template: t.hbs}
generate: {engine: replay, file: answers.jsonl}
evaluate: {bootstrap: {resamples: 100}}
baselines: [most_frequent]
report: {html: true, pdf: false, xlsx: false}
`,
  );
}

test("a public data set is pinned, fetched, read, scored and reported, and needs no network then", async ({ rig }) => {
  const sha = addDataset("me/tickets");
  study(rig, "me/tickets");
  const unpinned = await rig.exp("check", file);
  expectFailure(unpinned, 2, "unpinned-revision", "exp pin");

  expect(await rig.output("pin", file)).toContain(`me/tickets is pinned to ${sha} (main)`);
  expect(rig.read(file)).toContain(`  train: {hub: me/tickets, revision: ${sha}}     # support tickets\n`);
  expect(rig.read(file)).toContain(`    hub: me/tickets            # their test split\n    revision: ${sha}\n`);

  expect(await rig.output("check", file)).toContain(
    `not fetched, so the rows are not checked: me/tickets@${sha.slice(0, 12)}`,
  );
  const planned = JSON.parse(await rig.output("plan", file, "--json")) as PlanJson;
  expect(planned.steps.map(({ id, status }) => [id, status]).slice(0, 2)).toEqual([
    ["fetch_data", "run"],
    ["data", "depends"],
  ]);
  hub.requests = [];
  await rig.build(file);
  expect(hub.requests.filter((one) => one.includes("/resolve/"))).toHaveLength(4);

  const offline = { env: { HF_HUB_OFFLINE: "1", HF_ENDPOINT: "http://127.0.0.1:9" } };
  const again = await rig.start(["run", file, "--json"], offline).ended;
  expect([again.code, again.stdout]).toEqual([0, expect.not.stringContaining("step-start")]);
  rmSync(rig.path("artifacts"), { recursive: true });
  // Without the store, the cache of the Hugging Face libraries has the files and their list.
  for (const args of [
    ["check", file],
    ["data", file],
    ["run", file, "--json"],
  ]) {
    const { code, stderr } = await rig.start(args, offline).ended;
    expect([args[0], code, stderr]).toEqual([args[0], 0, ""]);
  }
  expect(await rig.output("data", file, "--json")).toContain('"rows": 4');
  expect(await rig.output("show", "tickets")).toContain(`Recorded evaluations of me/tickets@${sha.slice(0, 12)}: 1`);

  expect((await rig.exp("export", "out", "tickets")).code).toBe(0);
  expect(rig.read("out/README.md")).toContain(`hf://datasets/me/tickets@${sha}/data/train-1.jsonl`);
  const pages = readdirSync(rig.path("out"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".html"),
  );
  expect(pages.map((name) => rig.read(`out/${name}`)).join("")).toContain("Rows are from the Hugging Face hub");
});

test("shards of a private parquet data set are found without a README, fetched with a token and identified by digest", async ({
  rig,
}) => {
  const shard = (name: string): Buffer =>
    readFileSync(new URL(`../data/fixtures/tickets-${name}.parquet`, import.meta.url));
  const repo = hub.addRepo("lab/parquet", true);
  const shards = {
    "data/train-00000-of-00002.parquet": shard("train-0"),
    "data/train-00001-of-00002.parquet": shard("train-1"),
    "data/test-00000-of-00001.parquet": shard("test"),
  };
  for (const [path, bytes] of Object.entries(shards)) hub.put("lab/parquet", path, bytes, { lfs: true });
  study(rig, "lab/parquet");
  rig.edit(file, "target: team", "target: answer.team");
  expectFailure(await rig.exp("pin", file), 1, "dataset-not-found", "private");
  rig.env = { ...rig.env, HF_TOKEN: hub.addUser("ann") };
  expect(await rig.output("pin", file)).toContain(repo.sha);
  const { manifest } = await rig.build(file);
  const folder = dirname(manifest);
  const gold = (name: string) =>
    rig
      .read(join(folder, `data/${name}.jsonl`))
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { gold: readonly string[] }).gold);
  expect(gold("train")).toEqual([["tech"], ["tech"], ["billing"], ["tech"]]);
  expect(gold("test")).toEqual([["billing"], ["billing"]]);
  const digests = Object.values(shards).map((bytes) => createHash("sha256").update(bytes).digest("hex"));
  for (const digest of digests) expect(rig.read(join(folder, "dataset.json"))).toContain(digest);
});

test("a changed file in the cache, and another content than the hub lists, are errors", async ({ rig }) => {
  const sha = addDataset("me/tickets");
  study(rig, "me/tickets");
  await rig.output("pin", file);
  await rig.build(file);
  const cached = rig.path(`hf/hub/datasets--me--tickets/snapshots/${sha}/data/train-2.jsonl`);
  const bytes = rig.read(cached);
  rmSync(cached);
  writeFileSync(cached, bytes.replace("invoice", "voucher"));
  expectFailure(await rig.exp("data", file), 2, "download-damaged", "train-2.jsonl");
  expect(await rig.exp("verify", "tickets")).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(/train-2\.jsonl.*was changed/),
  });
  rmSync(rig.path("hf"), { recursive: true });
  rig.removeArtifacts();
  const stored = hub.repos.get("me/tickets")?.files.get("data/train-2.jsonl") as { bytes: Buffer };
  stored.bytes = Buffer.from(bytes.replace("invoice", "voucher"));
  const { stdout } = await rig.exp("run", file, "--json");
  expect(stdout).toContain('"code":"download-damaged"');
  expect(existsSync(cached)).toBe(false);
  expect(readdirSync(join(rig.path("hf"), "hub/datasets--me--tickets/blobs")).join()).not.toContain("incomplete");
});

test("gated and private data sets need a token with access, and say so", async ({ rig }) => {
  const sha = addDataset("lab/gated");
  addDataset("lab/private", true);
  const [allowed, other] = [hub.addUser("ann"), hub.addUser("bob")];
  Object.assign(hub.repos.get("lab/gated") as object, { gated: ["ann"] });
  const failing = async (code: string, words: RegExp): Promise<void> => {
    const { stdout, code: status } = await rig.exp("run", file, "--json", "--until", "fetch_data");
    expect([status, stdout]).toEqual([1, expect.stringContaining(`"code":"${code}"`)]);
    expect(stdout).toMatch(words);
  };
  study(rig, "lab/gated");
  expect(await rig.output("pin", file)).toContain("lab/gated is gated");
  await failing("gated", /there is no token.*accept the conditions on the data set's page/);
  rig.env = { ...rig.env, HF_TOKEN: other };
  await failing("gated", /this token has no access/);
  rig.env = { ...rig.env, HF_TOKEN: "hf_wrong" };
  await failing("token-refused", /HF_TOKEN/);
  rig.env = { ...rig.env, HF_TOKEN: allowed };
  await rig.build(file, "--until", "data");
  expect(existsSync(rig.path(`hf/hub/datasets--lab--gated/snapshots/${sha}/data/held.jsonl`))).toBe(true);

  study(rig, "lab/private");
  expectFailure(await rig.exp("pin", file), 1, "dataset-not-found", "private");
  rig.write("hf/token", `${other}\n`);
  await rig.output("pin", file);
  await rig.build(file, "--until", "data");
  rmSync(rig.path("hf/hub"), { recursive: true });
  rig.removeArtifacts();
  rmSync(rig.path("hf/token"));
  await failing("dataset-not-found", /or it is private.*HF_TOKEN/);
  rig.env = { ...rig.env, HF_HUB_OFFLINE: "1" };
  await failing("not-fetched", /HF_HUB_OFFLINE/);
});

test("a study from somewhere else needs permission for a data set, before any request", async ({ rig }) => {
  addDataset("me/secret", true);
  study(rig, "me/secret");
  rig.edit(file, "{hub: me/secret}", `{hub: me/secret, revision: ${"a".repeat(40)}}`);
  rig.edit(file, "hub: me/secret            #", `hub: me/secret\n    revision: ${"a".repeat(40)} #`);
  rig.write("manifests/x.json", "{}");
  rig.write("checklist.md", "");
  for (const command of ["check", "data", "run"]) {
    const refused = await rig.exp(command, file);
    expect(errorCodes(refused)).toEqual(["untrusted"]);
    expect(refused.stderr).toContain('data.train.hub: "me/secret"');
  }
  expect(hub.requests).toEqual([]);
});

test("a revision that the data set lacks, and a split that it lacks, are errors that say what to write", async ({
  rig,
}) => {
  addDataset("me/tickets");
  study(rig, "me/tickets");
  await rig.output("pin", file);
  rig.edit(file, "hub: me/tickets            #", "split: dev\n    hub: me/tickets #");
  const split = await rig.exp("data", file);
  expectFailure(split, 2, "dataset-part", "write split: with one of train, test");
  rig.edit(file, "split: dev", "split: test");
  const text = rig.read(file).replaceAll(/revision: [0-9a-f]{40}/g, `revision: ${"b".repeat(40)}`);
  rig.write(file, text);
  expectFailure(await rig.exp("data", file), 2, "revision-missing", "exp pin");
});
