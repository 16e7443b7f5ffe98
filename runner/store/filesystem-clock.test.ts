/** Hosts whose clocks differ by days share one store. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { activeClaims } from "./claims.ts";
import { openDigests } from "./digest.ts";
import { thisProcess } from "./process-identity.ts";
import { openStore } from "./store.ts";

const day = 86_400_000;
const key = "a".repeat(64);
let folder: string;
let running: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-clock-"));
  running = join(folder, "artifacts/store/running");
  mkdirSync(running, { recursive: true });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

/** A process on another host that uses an object, has a staging folder, and has the draft of a record. */
function elsewhere(id: string): { readonly staged: string; readonly draft: string } {
  writeFileSync(join(running, id), `${JSON.stringify({ ...thisProcess(), realm: "another machine" })}\n${key}\n`);
  const staged = join(folder, `artifacts/store/staging/${key}.${id}.abc`);
  mkdirSync(staged, { recursive: true });
  const draft = join(folder, `artifacts/store/staging/${key}.${id}.def`);
  writeFileSync(draft, "{");
  return { staged, draft };
}
const open = () => openStore(join(folder, "artifacts"), openDigests(join(folder, "cache")));

test.each([
  ["ahead", 3],
  ["behind", -3],
])("a host whose clock is days %s takes nothing from a process that lives elsewhere", (_, days) => {
  const { staged, draft } = elsewhere("1-living");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + days * day });
  const store = open();
  store.removeAbandoned();
  expect(activeClaims(running).claimed).toEqual(new Set([key]));
  expect([existsSync(staged), existsSync(draft)]).toEqual([true, true]);
  mkdirSync(store.objectDir(key), { recursive: true });
  expect(store.deleteObject(key)).toBe(false);
  expect(existsSync(store.objectDir(key))).toBe(true);
  store.close();
  expect(readdirSync(running)).toEqual(["1-living"]);
});

test("removes staging folders without a heartbeat for days by the filesystem's clock", () => {
  const { staged, draft } = elsewhere("1-gone");
  const future = elsewhere("2-future");
  const [past, ahead] = [new Date(Date.now() - 3 * day), new Date(Date.now() + 3 * day)];
  utimesSync(join(running, "1-gone"), past, past);
  utimesSync(join(running, "2-future"), ahead, ahead);
  const store = open();
  store.removeAbandoned();
  expect([existsSync(staged), existsSync(draft), existsSync(join(running, "1-gone"))]).toEqual([false, false, false]);
  expect([existsSync(future.staged), existsSync(join(running, "2-future"))]).toEqual([true, true]);
  store.close();
});
