import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquire, removeDeadTakeovers, tryAcquire } from "./lock.ts";
import { thisProcess } from "./process-identity.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-lock-"));
  path = join(folder, "locks", "key");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const left = (owner: object) => {
  tryAcquire(path)?.release();
  writeFileSync(path, `${JSON.stringify({ ...thisProcess(), ...owner })}\n`);
};

test("a lock is held by one, and by the next once it is released", async () => {
  const first = await acquire(path);
  expect(tryAcquire(path)).toBeUndefined();
  let waitedFor: number | undefined;
  const second = acquire(path, {
    onWait: (owner) => {
      waitedFor = owner?.pid;
    },
  });
  await sleep(50);
  expect(waitedFor).toBe(process.pid);
  first.release();
  const lock = await second;
  expect(lock.isHeld()).toBe(true);
  first.release();
  expect(lock.isHeld()).toBe(true);
  lock.release();
  expect(existsSync(path)).toBe(false);
});

test("many waiters take turns", async () => {
  let inside = 0;
  let most = 0;
  const turns = Array.from({ length: 12 }, async () => {
    const lock = await acquire(path);
    most = Math.max(most, ++inside);
    await sleep(2);
    inside--;
    lock.release();
  });
  await Promise.all(turns);
  expect(most).toBe(1);
});

test("waiting ends with its signal", async () => {
  const lock = await acquire(path);
  const stop = new AbortController();
  const waiting = acquire(path, { signal: stop.signal });
  setTimeout(() => stop.abort(new Error("Ctrl-C")), 30);
  await expect(waiting).rejects.toThrow("Ctrl-C");
  lock.release();
});

test("the lock of a process that is gone, or whose pid is another's now, is taken over at once", async () => {
  for (const dead of [{ pid: 2 ** 22 + 1 }, { start: "1" }]) {
    left(dead);
    const began = performance.now();
    const lock = await acquire(path);
    expect(performance.now() - began).toBeLessThan(200);
    lock.release();
    left(dead);
    tryAcquire(path)?.release();
    expect(existsSync(path)).toBe(false);
  }
});

test("an owner elsewhere is judged by its heartbeat", async () => {
  left({ realm: "another machine" });
  expect(tryAcquire(path)).toBeUndefined();
  const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 50);
  let isTaken = false;
  const waiting = acquire(path, { heartbeatTimeout: 400 }).then((lock) => {
    isTaken = true;
    return lock;
  });
  await sleep(1000);
  expect(isTaken).toBe(false);
  clearInterval(beat);
  (await waiting).release();
});

test("a lock that was never written to its end is taken over", async () => {
  for (const text of ["", '{"host":"x","pi', "nonsense\n", "null\n"]) {
    left({});
    writeFileSync(path, text);
    const lock = await acquire(path, { heartbeatTimeout: 100 });
    expect(JSON.parse(readFileSync(path, "utf8")).pid).toBe(process.pid);
    lock.release();
  }
});

test("a takeover that was killed half-way does not block the next one", async () => {
  left({ start: "1" });
  writeFileSync(`${path}.takeover`, readFileSync(path));
  (await acquire(path)).release();
  expect(existsSync(`${path}.takeover`)).toBe(false);
});

test("a process that lost its lock does not release the lock of the new owner", async () => {
  const lost = await acquire(path);
  rmSync(path);
  const won = await acquire(path);
  expect(lost.isHeld()).toBe(false);
  lost.release();
  expect(won.isHeld()).toBe(true);
  won.release();
});

test("files of a takeover are deleted if its process was killed, and kept if it is running", () => {
  mkdirSync(join(folder, "locks"));
  const gate = (name: string, owner: object) =>
    writeFileSync(join(folder, "locks", name), `${JSON.stringify({ ...thisProcess(), ...owner })}\n`);
  gate("dead.takeover", { pid: 2 ** 22 + 1 });
  gate("living.takeover", {});
  removeDeadTakeovers(join(folder, "locks"));
  removeDeadTakeovers(join(folder, "nowhere"));
  expect(readdirSync(join(folder, "locks"))).toEqual(["living.takeover"]);
});
