import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { openDigests } from "./digest.ts";
import { gc } from "./gc.ts";
import { openStore, type Store } from "./store.ts";

let folder: string;
let store: Store;
const open = () => openStore(join(folder, "artifacts"), openDigests(join(folder, "cache")));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-gc-"));
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ingredients = (seed: number) => ({ kind: "train", version: 1, params: { seed }, sources: {}, inputs: {} });

/** Stores a thousand bytes under a separate key, last used that many days ago by a process that has ended. */
async function stored(seed: number, daysAgo = 0): Promise<StoreRecord> {
  const other = open();
  const key = keyOf(ingredients(seed));
  const staged = other.stage(key);
  writeFileSync(join(staged.dir, "a.bin"), String(seed).padEnd(1000));
  const record = await other.commit(staged, {
    ingredients: ingredients(seed),
    outputs: ["a.bin"],
    evidence: {},
    seconds: 1,
  });
  other.close();
  const then = new Date(Date.now() - daysAgo * 86_400_000);
  utimesSync(join(folder, "artifacts/store/keys", `${key}.json`), then, then);
  return record;
}
function pin(record: StoreRecord): void {
  const run = join(folder, "artifacts/runs/study/abcd1234");
  mkdirSync(run, { recursive: true });
  writeFileSync(
    join(run, "manifest.json"),
    JSON.stringify({ steps: { train: { object: record.object, key: record.key } } }),
  );
}
const succeeded = (record: StoreRecord) => existsSync(store.objectDir(record.object));

test("deletes unreferenced objects and keeps their records, which note the deletion", async () => {
  const [pinned, kept, loose] = [await stored(1), await stored(2), await stored(3)];
  pin(pinned);
  const keep = new Set([kept.object]);
  const expected = {
    collected: [{ object: loose.object, bytes: 1000, keys: [loose.key] }],
    before: 3000,
    after: 2000,
  };
  expect(gc(store, { dryRun: true, keep })).toEqual(expected);
  expect(succeeded(loose)).toBe(true);
  expect(gc(store, { keep })).toEqual(expected);
  expect([pinned, kept, loose].map(succeeded)).toEqual([true, true, false]);
  expect(store.find(loose.key)).toEqual({ miss: "its files were deleted by exp gc" });
  expect(store.record(loose.key)).toEqual(loose);
  expect((await stored(3)).object).toBe(loose.object);
  expect(store.find(loose.key)).toHaveProperty("record");
});

test("with maxSize, deletes the least recently used objects until the store fits", async () => {
  const [old, recent, middle] = [await stored(1, 30), await stored(2, 1), await stored(3, 10)];
  const { collected, after } = gc(store, { maxSize: 1500 });
  expect(collected.map(({ object }) => object)).toEqual([old.object, middle.object]);
  expect(after).toBe(1000);
  expect(succeeded(recent)).toBe(true);
});

test("a lookup of a key is a use", async () => {
  const [first, second] = [await stored(1, 30), await stored(2, 10)];
  const other = open();
  other.find(first.key);
  other.close();
  expect(gc(store, { maxSize: 1000 }).collected.map(({ object }) => object)).toEqual([second.object]);
});

test("keeps what a running process looked up or built, until it ends", async () => {
  const record = await stored(1, 30);
  const other = open();
  other.find(record.key);
  expect(gc(store).collected).toEqual([]);
  other.close();
  expect(gc(store).collected).toHaveLength(1);
});

test("deletes an object without a record", async () => {
  const record = await stored(1);
  rmSync(join(folder, "artifacts/store/keys", `${record.key}.json`));
  expect(gc(store)).toEqual({ collected: [{ object: record.object, bytes: 1000, keys: [] }], before: 1000, after: 0 });
});

test("a manifest that cannot be read stops the collection", async () => {
  const record = await stored(1);
  const run = join(folder, "artifacts/runs/study/abcd1234");
  mkdirSync(run, { recursive: true });
  for (const text of ["{", "null", '{"schema":1}']) {
    writeFileSync(join(run, "manifest.json"), text);
    expect(() => gc(store)).toThrow(expect.objectContaining({ code: "manifest-unreadable" }));
  }
  expect(succeeded(record)).toBe(true);
});

test("a store that does not exist has nothing to collect", () => {
  expect(gc(store)).toEqual({ collected: [], before: 0, after: 0 });
});

test("keeps the objects of a run that is sealed during the collection", async () => {
  const [sealed, loose] = [await stored(1, 2), await stored(2, 1)];
  const late: Store = {
    ...store,
    deleteObject(object, isPinned) {
      // After gc has read the runs, and before it deletes this object.
      if (object === sealed.object) pin(sealed);
      return store.deleteObject(object, isPinned);
    },
  };
  expect(gc(late).collected.map(({ object }) => object)).toEqual([loose.object]);
  expect([succeeded(sealed), succeeded(loose)]).toEqual([true, false]);
  expect(gc(late, { maxSize: 0 })).toEqual({ collected: [], before: 1000, after: 1000 });
});
