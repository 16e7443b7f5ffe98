import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { execute } from "../execution/scheduler.ts";
import { Slots } from "../execution/slots.ts";
import { createStepRunner } from "../execution/step-runner.ts";
import { buildPlan } from "../pipeline/plan/build.ts";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StepKind } from "../plugins/step.ts";
import { openDigests } from "../store/digest.ts";
import { openStore } from "../store/store.ts";
import { bundle } from "./bundle.ts";
import { faults, seeded } from "./faults.ts";
import { mountTmpfs, unmount } from "./mount.ts";
import { expectIntactObjects } from "./store-checks.ts";

const KEYS = 12;

let programs: string;
let program: string;
let folder: string;
let root: string;
let cache: string;
let log: string;
beforeAll(async () => {
  programs = mkdtempSync(join(tmpdir(), "exp-programs-"));
  program = await bundle(fileURLToPath(new URL("store-child.ts", import.meta.url)), programs);
});
afterAll(() => rmSync(programs, { recursive: true, force: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-faults-"));
  [root, cache, log] = [join(folder, "artifacts"), join(folder, "cache"), join(folder, "log")];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ingredients = (number: number) => ({ kind: "train", version: 1, params: { number }, sources: {}, inputs: {} });
const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);

type Child = { readonly ready: Promise<unknown>; readonly exit: Promise<number | null>; kill(): void };

function start(task: object): Child {
  const whole = { root, cache, log, numbers: range(KEYS), pause: 1, ...task };
  const child = spawn(process.execPath, [program, JSON.stringify(whole)], { stdio: ["ignore", "pipe", "inherit"] });
  return {
    ready: once(child.stdout, "data"),
    exit: once(child, "exit").then(([code]) => code),
    kill: () => child.kill("SIGKILL"),
  };
}
async function finished(...children: readonly Child[]): Promise<void> {
  const codes = await Promise.all(children.map((child) => child.exit));
  expect(codes).toEqual(children.map(() => 0));
}
const logged = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);

const expectIntact = (): void => expectIntactObjects(root);

test(`killed at ${faults} random moments, the store has nothing partial and needs no repair`, async () => {
  const random = seeded(1);
  let first = 0;
  for (let fault = 0; fault < faults; fault++) {
    const child = start({ mode: "each", numbers: range(KEYS, first) });
    await child.ready;
    await sleep(random() * 60);
    child.kill();
    await child.exit;
    expectIntact();
    if (random() < 0.3) first += KEYS;
  }
  await finished(start({ mode: "each", numbers: range(first + KEYS) }));
  expectIntact();

  const store = openStore(root, openDigests(cache), "read");
  for (const number of range(first + KEYS)) {
    const found = store.find(keyOf(ingredients(number)));
    if ("miss" in found) throw new Error(`${number}: ${found.miss}`);
    const weights = readFileSync(join(store.objectDir(found.record.object), "adapter", "weights.bin"));
    expect(weights.equals(Buffer.alloc(20_000, `${number} `))).toBe(true);
  }
  for (const name of ["staging", "locks"]) expect(readdirSync(join(root, "store", name))).toEqual([]);
  // A process that is killed before it has registered leaves an empty file, which is deleted a minute later.
  const running = readdirSync(join(root, "store", "running"));
  expect(running.filter((name) => statSync(join(root, "store", "running", name)).size > 0)).toEqual([]);
}, 600_000);

test("eight concurrent processes build each key once", async () => {
  const random = seeded(2);
  const children = range(8).map(() => {
    const numbers = range(KEYS).sort(() => random() - 0.5);
    return start({ mode: "each", numbers, pause: 10 });
  });
  await finished(...children);
  const built = logged().map((line) => Number(line.split(" ")[0]));
  expect(built.sort((a, b) => a - b)).toEqual(range(KEYS));
  expectIntact();
});

test("sixteen concurrent processes on four hosts build each key once", async (context) => {
  const hosts = range(4).map((host) => `host-${host}`);
  const namespaces = ["--uts", "--pid", "--fork", "--mount-proc"];
  try {
    execFileSync("unshare", [...namespaces, "true"], { stdio: "pipe" });
  } catch (error) {
    context.skip(`cannot create namespaces here: ${String((error as Error).message).trim()}`);
  }
  const random = seeded(4);
  const onHost = (host: string): Child => {
    const numbers = range(4 * KEYS).sort(() => random() - 0.5);
    const task = JSON.stringify({ root, cache, log, mode: "each", numbers, pause: 10 });
    const script = 'hostname "$0"; exec "$@"';
    const args = [...namespaces, "sh", "-c", script, host, process.execPath, program, task];
    const child = spawn("unshare", args, { stdio: ["ignore", "pipe", "inherit"] });
    return {
      ready: once(child.stdout, "data"),
      exit: once(child, "exit").then(([code]) => code),
      kill: () => child.kill("SIGKILL"),
    };
  };
  await finished(...range(16).map((index) => onHost(hosts[index % 4] as string)));
  const built = logged().map((line) => Number(line.split(" ")[0]));
  expect(built.sort((a, b) => a - b)).toEqual(range(4 * KEYS));
  expectIntact();
  for (const name of ["staging", "locks", "running"]) expect(readdirSync(join(root, "store", name))).toEqual([]);
  // Each host has its own digest cache.
  expect(readdirSync(join(cache, "digests")).sort()).toEqual(hosts.map((host) => `${host}.txt`));
}, 120_000);

test("if eight processes build the same keys with different bytes, the first result wins for all of them", async () => {
  await finished(...range(8).map(() => start({ mode: "race", numbers: range(4) })));
  expect(logged()).toHaveLength(32);
  expect(new Set(logged()).size).toBe(4);
  expectIntact();
});

test("a waiting process takes over the lock of a killed process within two seconds", async () => {
  const owner = start({ mode: "each", numbers: [1], pause: 60_000 });
  await owner.ready;
  while (!existsSync(join(root, "store", "locks"))) await sleep(5);
  const waiter = start({ mode: "each", numbers: [1] });
  await waiter.ready;
  await sleep(100);
  expect(logged()).toEqual([]);
  const killed = performance.now();
  owner.kill();
  await finished(waiter);
  expect(performance.now() - killed).toBeLessThan(2_000);
  expect(logged()).toHaveLength(1);
  expectIntact();
});

test("one process at a time takes over the lock of an ended process", async () => {
  await finished(...range(4).map(() => start({ mode: "turns", numbers: range(50) })));
  expect(logged()).toHaveLength(200);
}, 120_000);

test("eight processes can share a digest cache", async () => {
  mkdirSync(root);
  for (const number of range(400)) writeFileSync(join(root, String(number)), String(number));
  await sleep(150);
  await finished(...range(8).map(() => start({ mode: "digest", numbers: range(400) })));
  const file = readdirSync(join(cache, "digests"))[0] as string;
  const lines = readFileSync(join(cache, "digests", file), "latin1")
    .split("\n")
    .filter(Boolean);
  expect(lines.length).toBeGreaterThanOrEqual(400);
  for (const line of lines) {
    const split = line.lastIndexOf(" ");
    expect(crc32(line.slice(0, split)).toString(36)).toBe(line.slice(split + 1));
  }
});

test("a full disk is an error that leaves no partial output and keeps the work folder", async (context) => {
  const disk = join(folder, "disk");
  if (!mountTmpfs({ onClose: context.onTestFinished }, disk, ["size=1m"]))
    return context.skip("cannot mount a disk here");
  const store = openStore(join(disk, "artifacts"), openDigests(cache));
  try {
    const key = keyOf(ingredients(1));
    const filesIn = (...names: readonly string[]) =>
      names.flatMap((name) => {
        const path = join(disk, "artifacts", "store", name);
        return existsSync(path) ? readdirSync(path) : [];
      });
    const finish = { ingredients: ingredients(1), outputs: ["a.bin"], evidence: { device: "cpu" }, seconds: 7 };
    const stage = () => {
      const staged = store.stage(key);
      writeFileSync(join(staged.dir, "a.bin"), Buffer.alloc(300_000, "a"));
      return staged;
    };
    writeFileSync(join(store.workDir(key), "checkpoint"), "kept");
    writeFileSync(join(store.workDir(key), "progress.jsonl"), "{}\n");
    const staged = stage();
    fill(join(disk, "ballast"));
    await expect(store.commit(staged, finish)).rejects.toMatchObject({
      code: "disk-full",
      message: expect.stringContaining(disk),
    });
    expect(store.find(key)).toEqual({ miss: "never built" });
    expect(filesIn("keys", "objects", "staging")).toEqual([]);
    expect(readFileSync(join(store.workDir(key), "checkpoint"), "utf8")).toBe("kept");

    rmSync(join(disk, "ballast"));
    const kept = store.takeFailedCommit(key);
    if (kept === undefined) throw new Error("the output of the failed commit was not kept");
    expect(kept).toMatchObject({ seconds: 7, evidence: { device: "cpu" } });
    await store.commit(kept.staged, { ...finish, ...kept });
    expect(store.find(key)).toMatchObject({ record: { seconds: 7, evidence: { device: "cpu" } } });
    expect(store.takeFailedCommit(key)).toBe(undefined);
  } finally {
    store.close();
    unmount(disk);
  }
});

test("after a full disk only the commit of a step is repeated; a damaged output is built again", async (context) => {
  const disk = join(folder, "disk");
  if (!mountTmpfs({ onClose: context.onTestFinished }, disk, ["size=2m"]))
    return context.skip("cannot mount a disk here");
  const digests = openDigests(cache);
  const store = openStore(join(disk, "artifacts"), digests);
  const calm = new AbortController().signal;
  let runs = 0;
  const kind: StepKind = {
    name: "step",
    version: 1,
    cached: true,
    outputs: () => ["out/"],
    async run(_params, context) {
      runs++;
      mkdirSync(context.work, { recursive: true });
      writeFileSync(join(context.work, "progress.jsonl"), "{}\n");
      mkdirSync(join(context.output, "out"));
      writeFileSync(join(context.output, "out", "a.bin"), Buffer.alloc(100_000, "a"));
      context.evidence({ device: "cpu" });
      fill(join(disk, "ballast"));
    },
  };
  const needs = { cores: 1, gpus: 0, memory: 0 };
  const draft = {
    id: "step",
    kind: "step",
    params: {},
    sources: {},
    inputs: {},
    localPaths: {},
    hints: {},
    after: [],
    needs,
  };
  const plan = buildPlan(
    [{ experiment: "e", role: "final", coordinates: "", drafts: [draft] }],
    new Map([["step", kind]]),
    () => "",
  );
  const parts = createStepRunner(plan, {
    store,
    digests,
    packageRoot: folder,
    stop: calm,
    kill: calm,
    emit: () => {},
    python: () => "",
    secret: () => undefined,
    slots: new Slots({ cores: 1, memory: 0, gpus: [] }, () => undefined),
    jobs: 1,
  });
  const execution = { emit: () => {}, stop: calm, force: () => false, keepGoing: false };
  const run = async () => [...(await execute(plan, parts, execution)).values()][0];
  mkdirSync(join(folder, "recipes"));
  try {
    expect(await run()).toMatchObject({ status: "failed", error: { code: "disk-full" } });
    expect(await run()).toMatchObject({ status: "failed", error: { code: "disk-full" } });
    expect(runs).toBe(1);
    rmSync(join(disk, "ballast"));
    const [key = ""] = readdirSync(join(disk, "artifacts/work")).filter((name) => name !== "snapshots");
    const [kept = ""] = readdirSync(store.workDir(key)).filter((name) => /^failed-commit\.[0-9a-f]{64}$/.test(name));
    const file = join(store.workDir(key), kept, "out/a.bin");
    const whole = readFileSync(file);
    rmSync(file);
    writeFileSync(file, whole.subarray(1));
    expect(await run()).toMatchObject({ status: "failed" });
    expect(runs).toBe(2);
    rmSync(join(disk, "ballast"));
    expect(await run()).toMatchObject({ status: "built", record: { evidence: { device: "cpu" } } });
    expect(runs).toBe(2);
    expect(existsSync(join(disk, "artifacts/work", key))).toBe(false);
  } finally {
    store.close();
    unmount(disk);
  }
});

function fill(path: string): void {
  writeFileSync(path, "");
  for (const size of [4096, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: "a" });
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
  }
}
