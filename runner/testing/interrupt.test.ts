/** Ctrl-C: the first stops cleanly and the next run resumes; the second kills all processes. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Event } from "../execution/event.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { namesIn } from "../util/names-in.ts";
import { parseEvents } from "./command.ts";
import { processesWith } from "./faults.ts";
import { type Rig, test } from "./rig.ts";
import { expectIntactStore, expectNoLeftovers } from "./store-checks.ts";

const file = "experiments/tuned.yaml";
/** 48 optimiser steps with a checkpoint after every second one: the training has not ended when a signal arrives. */
const long = ["--json", "--until", "train", "--set", "train.epochs=8"];

function prepare(rig: Rig): void {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
}

const trained = (events: readonly Event[]): readonly number[] =>
  events.flatMap((event) =>
    event.type === "progress" && event.step === "train" && event.unit === "steps" && event.done !== undefined
      ? [event.done]
      : [],
  );

test("once: exit code 130, no partial output, and the next run resumes the training to the same weights", async ({
  rig,
}) => {
  prepare(rig);
  const straight = rig.copy();
  const run = rig.start(["run", file, ...long]);
  await run.waitFor(/"step":"train","done":[3-9]/);
  const interruptedAt = performance.now();
  run.process.kill("SIGINT");
  const ended = parseEvents(await run.ended);
  expect(performance.now() - interruptedAt).toBeLessThan(20_000);
  expect([ended.code, ended.stderr]).toEqual([130, ""]);
  expect(ended.steps).toMatchObject({ fetch: "built", data: "built", train: "skipped" });
  expect(ended.events.at(-1)).toMatchObject({ type: "run-end", status: "interrupted", manifest: null });
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
  expectIntactStore(rig);
  expect(namesIn(rig.path("artifacts/store/staging"))).toEqual([]);
  const before = Math.max(...trained(ended.events));

  const again = await rig.build(file, ...long.slice(1));
  expect(again.steps).toMatchObject({ fetch: "reused", data: "reused", train: "built" });
  expect(Math.min(...trained(again.events))).toBeGreaterThanOrEqual(before);
  expectNoLeftovers(rig);

  await straight.build(file, ...long.slice(1));
  expect(adapterOf(rig)).toEqual(adapterOf(straight));

  // Time is the sum of both attempts; tokens are those of an uninterrupted training.
  const { seconds, evidence } = trainRecord(rig);
  expect(evidence.seconds_before).toBeGreaterThan(1);
  expect(seconds).toBeGreaterThan(Number(evidence.seconds_before) + 1);
  expect(evidence.trained_tokens).toBe(trainRecord(straight).evidence.trained_tokens);
});

test("twice: the process group is killed, and the next run succeeds", async ({ rig }) => {
  prepare(rig);
  const run = rig.start(["run", file, ...long]);
  await run.waitFor(/"step":"train","done":[2-9]/);
  run.process.kill("SIGINT");
  await sleep(20);
  run.process.kill("SIGINT");
  const interruptedAt = performance.now();
  const ended = parseEvents(await run.ended);
  expect(performance.now() - interruptedAt).toBeLessThan(3_000);
  expect(ended.code).toBe(130);
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
  expectIntactStore(rig);
  await rig.build(file, ...long.slice(1));
  expectNoLeftovers(rig);
});

test.for(["SIGTERM", "SIGHUP", "SIGQUIT"] as const)("%s stops a run as Ctrl-C does", async (signal, { rig }) => {
  prepare(rig);
  const run = rig.start(["run", file, ...long]);
  await run.waitFor(/"step-start","step":"(preflight|train)"/);
  run.process.kill(signal);
  const ended = parseEvents(await run.ended);
  expect(ended.code).toBe(130);
  expect(ended.events.at(-1)).toMatchObject({ type: "run-end", status: "interrupted" });
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
});

test("Ctrl-C stops a run that waits for another run's step, and not the other run", async ({ rig }) => {
  prepare(rig);
  const endless = ["run", file, "--json", "--until", "train", "--set", "train.epochs=800"];
  const owner = rig.start(endless);
  await owner.waitFor(/"step":"train","done":/);
  const waiter = rig.start(endless);
  await waiter.waitFor(/"step-wait","step":"train","kind":"train","for":"another process/);
  const interruptedAt = performance.now();
  waiter.process.kill("SIGINT");
  expect((await waiter.ended).code).toBe(130);
  expect(performance.now() - interruptedAt).toBeLessThan(3_000);
  expect(owner.process.exitCode).toBe(null);
  owner.process.kill("SIGINT");
  expect(parseEvents(await owner.ended)).toMatchObject({ code: 130, steps: { train: "skipped" } });
});

test("plain output names the interrupted step and run, and ends with the command that resumes it", async ({ rig }) => {
  prepare(rig);
  const run = rig.start(["run", file, "--until", "train", "--set", "train.epochs= 4"]);
  await run.waitFor(/^preflight {2}started/m);
  run.process.kill("SIGINT");
  const { code, stdout, stderr } = await run.ended;
  const again = `exp run ${file} --until train --set 'train.epochs= 4'`;
  expect([code, stderr]).toEqual([130, `exp: interrupted. Finished work is kept; resume with: ${again}\n`]);
  expect(stdout).toMatch(/^(preflight|train) {2}interrupted$/m);
  expect(stdout).toMatch(/^run tuned {2}interrupted$/m);
});

/** The record of the training of a study. */
function trainRecord(rig: Rig): StoreRecord {
  return namesIn(rig.path("artifacts/store/keys"))
    .map((name) => rig.readJson(`artifacts/store/keys/${name}`) as StoreRecord)
    .find(({ ingredients }) => ingredients.kind === "train") as StoreRecord;
}

/** Digests of the adapter that a study trained. */
function adapterOf(rig: Rig): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(trainRecord(rig).files).filter(([name]) => name.startsWith("adapter/")));
}

test("twice: a command that is busy with one task for ever is killed, with the shell that does so", async ({ rig }) => {
  // Busy as soon as the command handles signals, and the shell has had time to do so.
  const busyLoop = "setTimeout(() => { console.log('busy'); for (;;); }, 2000)";
  rig.write(
    "busy.cjs",
    `const poll = setInterval(() => process.listenerCount("SIGINT") > 0 && (clearInterval(poll), ${busyLoop}), 20);`,
  );
  const env = { NODE_OPTIONS: `--require ${rig.path("busy.cjs")}` };
  const { process: busy, waitFor, ended } = rig.start(["view"], { env, ownGroup: true });
  await waitFor(/busy/);
  const group = -(busy.pid as number);
  process.kill(group, "SIGINT");
  await sleep(500);
  process.kill(group, "SIGINT");
  expect(await ended).toMatchObject({ signal: "SIGKILL" });
  await expect.poll(() => processesWith(`kill -KILL ${busy.pid}`)).toEqual([]);
});
