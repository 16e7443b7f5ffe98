import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { openDigests } from "./digest.ts";
import { openStore, type Store } from "./store.ts";

let folder: string;
let store: Store;
const open = (access?: "read" | "write") =>
  openStore(join(folder, "artifacts"), openDigests(join(folder, "cache")), access);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-store-"));
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ingredients = (seed: number) => ({ kind: "train", version: 1, params: { seed }, sources: {}, inputs: {} });
const key = keyOf(ingredients(1));

type Files = Readonly<Record<string, string>>;
async function build(files: Files, more: { seed?: number; force?: boolean; outputs?: string[]; into?: Store } = {}) {
  const { seed = 1, force = false, outputs = Object.keys(files), into = store } = more;
  const staged = into.stage(keyOf(ingredients(seed)));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(staged.dir, name, ".."), { recursive: true });
    writeFileSync(join(staged.dir, name), text);
  }
  return into.commit(staged, {
    ingredients: ingredients(seed),
    outputs,
    evidence: { device: "cpu" },
    seconds: 2,
    force,
  });
}
const fileOf = (record: StoreRecord, name: string) => join(store.objectDir(record.object), name);
/** Names of all files in the store, without the markers of running processes. */
const contents = () =>
  readdirSync(join(folder, "artifacts", "store"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("running"))
    .map((entry) => entry.name)
    .sort();
const leftovers = () => readdirSync(join(folder, "artifacts", "store", "staging"));

test("a committed result is found by this process and the next, and its files are read-only", async () => {
  expect(store.find(key)).toEqual({ miss: "never built" });
  const record = await build(
    { "metrics.json": "{}", "adapter/a.bin": "a", "adapter/deep/b.bin": "b" },
    {
      outputs: ["metrics.json", "adapter/"],
    },
  );
  expect(Object.keys(record.files)).toEqual(["adapter/a.bin", "adapter/deep/b.bin", "metrics.json"]);
  expect(store.find(key)).toEqual({ record });
  expect(open("read").find(key)).toEqual({ record });
  expect(store.record(key)).toEqual(record);
  expect(readFileSync(fileOf(record, "adapter/deep/b.bin"), "utf8")).toBe("b");
  expect(statSync(fileOf(record, "metrics.json")).mode & 0o222).toBe(0);
  expect(leftovers()).toEqual([]);
});

test("the same bytes under two keys are one object", async () => {
  const first = await build({ "a.json": "{}" });
  const second = await build({ "a.json": "{}" }, { seed: 2 });
  expect(second.object).toBe(first.object);
  expect(second.key).not.toBe(first.key);
  expect(leftovers()).toEqual([]);
});

test("keeps the first result of a key; a forced result replaces the record and not the old object", async () => {
  const first = await build({ "a.json": "1" });
  expect(await build({ "a.json": "2" })).toEqual(first);
  const forced = await build({ "a.json": "2" }, { force: true });
  expect(store.find(key)).toEqual({ record: forced });
  expect(readFileSync(fileOf(first, "a.json"), "utf8")).toBe("1");
});

test("refuses an output that is missing, empty or not a plain file, and stores nothing", async () => {
  await expect(build({ "a.json": "{}" }, { outputs: ["a.json", "b.json"] })).rejects.toMatchObject({
    code: "missing-output",
    message: expect.stringContaining("b.json"),
  });
  await expect(build({ "a.json": "{}" }, { outputs: ["adapter/"] })).rejects.toMatchObject({ code: "missing-output" });
  const staged = store.stage(key);
  writeFileSync(join(folder, "elsewhere"), "x");
  symlinkSync(join(folder, "elsewhere"), join(staged.dir, "a.json"));
  await expect(
    store.commit(staged, { ingredients: ingredients(1), outputs: ["a.json"], evidence: {}, seconds: 0 }),
  ).rejects.toMatchObject({ code: "symlink-output", message: expect.stringContaining("a.json") });
  expect(store.find(key)).toEqual({ miss: "never built" });
  expect(leftovers()).toEqual([]);
});

test("stores declared outputs only", async () => {
  const record = await build(
    { "a.json": "{}", "checkpoint/optimizer.pt": "x", "notes.txt": "y" },
    { outputs: ["a.json"] },
  );
  expect(Object.keys(record.files)).toEqual(["a.json"]);
  expect(readdirSync(store.objectDir(record.object))).toEqual(["a.json"]);
});

const damages: Readonly<Record<string, (path: string) => void>> = {
  edited: (path) => appendFileSync(path, "x"),
  truncated: (path) => truncateSync(path, 1),
  missing: (path) => rmSync(path),
  "replaced by a symlink": (path) => {
    renameSync(path, `${path}.moved`);
    symlinkSync(`${path}.moved`, path);
  },
  "edited at the same size, its time set back": (path) => {
    const { atime, mtime, size } = statSync(path);
    writeFileSync(path, "z".repeat(size));
    utimesSync(path, atime, mtime);
  },
};
for (const [name, damage] of Object.entries(damages)) {
  test(`an artifact that was ${name} is found when it is used, and rebuilt`, async () => {
    const files = { "a.json": "the output", "b.json": "another" };
    const record = await build(files);
    await sleep(150);
    expect(store.find(key)).toEqual({ record });
    store.close();
    store = open();
    const path = fileOf(record, "b.json");
    chmodSync(path, 0o644);
    damage(path);
    expect(store.find(key)).toEqual({ miss: expect.stringMatching(/^b.json (was changed|is missing)/) });
    const again = await build(files);
    expect(again.object).toBe(record.object);
    expect(store.find(key)).toEqual({ record: again });
    expect(readFileSync(path, "utf8")).toBe("another");
    expect(leftovers()).toEqual([]);
  });
}

test("a folder of an artifact that became a file is found too", async () => {
  const record = await build({ "adapter/a.bin": "a" }, { outputs: ["adapter/"] });
  rmSync(fileOf(record, "adapter"), { recursive: true });
  writeFileSync(fileOf(record, "adapter"), "a");
  expect(store.find(key)).toEqual({ miss: "adapter/a.bin is missing" });
  await build({ "adapter/a.bin": "a" }, { outputs: ["adapter/"] });
  expect(store.find(key)).toHaveProperty("record");
});

test("a damaged artifact can be rebuilt to other bytes", async () => {
  const first = await build({ "a.json": "1" });
  rmSync(fileOf(first, "a.json"));
  const second = await build({ "a.json": "2" });
  expect(second.object).not.toBe(first.object);
  expect(store.find(key)).toEqual({ record: second });
});

test("an object without its record, as a crash between the two leaves it, is taken up by the next build", async () => {
  const record = await build({ "a.json": "1" });
  rmSync(join(folder, "artifacts/store/keys", `${key}.json`));
  expect(store.find(key)).toEqual({ miss: "never built" });
  expect((await build({ "a.json": "1" })).object).toBe(record.object);
});

test("ignores a torn record and a record of another key", async () => {
  const record = await build({ "a.json": "1" });
  const path = join(folder, "artifacts/store/keys", `${key}.json`);
  const text = readFileSync(path, "utf8");
  for (const bad of ["", text.slice(0, 80), "null", text.replace(key, "f".repeat(64))]) {
    writeFileSync(path, bad);
    expect(store.find(key)).toEqual({ miss: "never built" });
    expect((await build({ "a.json": "1" })).object).toBe(record.object);
    expect(store.find(key)).toHaveProperty("record");
  }
});

test("a moved or touched store causes no miss", async () => {
  const record = await build({ "a.json": "1" });
  store.close();
  renameSync(join(folder, "artifacts"), join(folder, "moved"));
  utimesSync(join(folder, "moved/store/objects", record.object, "a.json"), new Date(), new Date());
  const moved = openStore(join(folder, "moved"), openDigests(join(folder, "cache")), "read");
  expect(moved.find(key)).toEqual({ record });
});

test("a lookup writes nothing below artifacts/", async () => {
  const reader = open("read");
  expect(reader.find(key)).toEqual({ miss: "never built" });
  reader.close();
  expect(existsSync(join(folder, "artifacts"))).toBe(false);
  await build({ "a.json": "1" });
  store.close();
  const before = contents();
  open("read").find(key);
  expect(contents()).toEqual(before);
  expect(readdirSync(join(folder, "artifacts/store/running"))).toEqual([]);
});

test("a work folder exists until it is dropped", () => {
  const work = store.workDir(key);
  writeFileSync(join(work, "checkpoint"), "x");
  expect(readdirSync(store.workDir(key)).sort()).toEqual(["checkpoint", "key"]);
  store.deleteWork(key);
  store.deleteWork(key);
  expect(existsSync(work)).toBe(false);
});

test.each([
  "store",
  "store/staging",
  "store/objects",
  "work",
  "work/snapshots",
  "predictions",
  "live",
  "jobs/snapshots",
])("does not open if %s is a link: a copied project would delete files of another folder", (name) => {
  const outside = join(folder, "outside");
  mkdirSync(join(outside, "precious"), { recursive: true });
  mkdirSync(join(folder, "artifacts", name, ".."), { recursive: true });
  symlinkSync(outside, join(folder, "artifacts", name));
  expect(() => open()).toThrow(expect.objectContaining({ code: "linked-folder" }));
  expect(readdirSync(outside)).toEqual(["precious"]);
});

test("removes the staging folders of dead processes only", () => {
  const mine = store.stage(key);
  const dead = join(folder, "artifacts/store/staging", `${key}.1-abc.def`);
  mkdirSync(dead, { recursive: true });
  store.removeAbandoned();
  expect(existsSync(mine.dir)).toBe(true);
  expect(existsSync(dead)).toBe(false);
  store.discard(mine);
  expect(leftovers()).toEqual([]);
});

test("works after artifacts/ was deleted", async () => {
  await build({ "a.json": "1" });
  rmSync(join(folder, "artifacts"), { recursive: true });
  expect(store.find(key)).toEqual({ miss: "never built" });
  await build({ "a.json": "1" });
  expect(store.find(key)).toHaveProperty("record");
});
