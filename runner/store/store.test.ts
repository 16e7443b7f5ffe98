import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyOf } from "../plan/identity.ts";
import { openDigests } from "./digest.ts";
import { openStore, type Store } from "./store.ts";

let folder: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-store-"));
  store = openStore(join(folder, "artifacts"), openDigests(join(folder, "cache")));
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ingredients = (seed: number) => ({ kind: "train", version: 1, params: { seed }, sources: {}, reads: {} });

test("what is committed is found", async () => {
  const key = keyOf(ingredients(1));
  expect(store.find(key)).toEqual({ miss: "never built" });
  const staged = store.stage(key);
  writeFileSync(join(staged.dir, "a.json"), "{}");
  const record = await store.commit(staged, {
    ingredients: ingredients(1),
    outputs: ["a.json"],
    evidence: {},
    seconds: 1,
  });
  expect(store.find(key)).toEqual({ record });
  expect(readFileSync(join(store.objectDir(record.object), "a.json"), "utf8")).toBe("{}");
});
