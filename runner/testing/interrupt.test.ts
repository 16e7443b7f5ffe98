/** Ctrl-C: once stops cleanly and a rerun goes on from there, twice ends everything at once. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Event } from "../execution/event.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { processesWith, type Rig, test, told } from "./rig.ts";
import { expectTidy, expectWhole, names } from "./whole.ts";

const file = "experiments/tuned.yaml";
/** 24 optimiser steps, of which each second one can be gone on from. */
const long = ["--json", "--until", "train", "--set", "train.epochs=4"];

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

test("once: exit code 130, nothing half-made, and a rerun resumes the training to the same weights", async ({
  rig,
}) => {
  prepare(rig);
  const straight = rig.twin();
  const run = rig.start(["run", file, ...long]);
  await run.says(/"step":"train","done":[3-9]/);
  const asked = performance.now();
  run.process.kill("SIGINT");
  const ended = told(await run.ended);
  expect(performance.now() - asked).toBeLessThan(20_000);
  expect([ended.code, ended.stderr]).toEqual([130, ""]);
  expect(ended.steps).toMatchObject({ fetch: "built", data: "built", train: "skipped" });
  expect(ended.events.at(-1)).toMatchObject({ type: "run-end", status: "interrupted", manifest: null });
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
  expectWhole(rig);
  expect(names(rig.path("artifacts/store/staging"))).toEqual([]);
  const before = Math.max(...trained(ended.events));

  const again = await rig.built(file, ...long.slice(1));
  expect(again.steps).toMatchObject({ fetch: "reused", data: "reused", train: "built" });
  expect(Math.min(...trained(again.events))).toBeGreaterThanOrEqual(before);
  expectTidy(rig);

  await straight.built(file, ...long.slice(1));
  expect(adapterOf(rig)).toEqual(adapterOf(straight));

  // What it cost is what both tries cost, and what it was trained on is what the straight one was.
  const { seconds, evidence } = trainRecord(rig);
  expect(evidence.seconds_before).toBeGreaterThan(1);
  expect(seconds).toBeGreaterThan(Number(evidence.seconds_before) + 1);
  expect(evidence.trained_tokens).toBe(trainRecord(straight).evidence.trained_tokens);
});

test("twice: the whole group is killed at once, and a rerun is none the worse", async ({ rig }) => {
  prepare(rig);
  const run = rig.start(["run", file, ...long]);
  await run.says(/"step":"train","done":[2-9]/);
  run.process.kill("SIGINT");
  await sleep(20);
  run.process.kill("SIGINT");
  const asked = performance.now();
  const ended = told(await run.ended);
  expect(performance.now() - asked).toBeLessThan(3_000);
  expect(ended.code).toBe(130);
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
  expectWhole(rig);
  await rig.built(file, ...long.slice(1));
  expectTidy(rig);
});

test("SIGTERM, as a batch system sends it, is a Ctrl-C", async ({ rig }) => {
  prepare(rig);
  const run = rig.start(["run", file, ...long]);
  await run.says(/"step-start","step":"(preflight|train)"/);
  run.process.kill("SIGTERM");
  const ended = told(await run.ended);
  expect(ended.code).toBe(130);
  expect(ended.events.at(-1)).toMatchObject({ type: "run-end", status: "interrupted" });
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
});

test("one who waits for another's step stops at once, and leaves the other alone", async ({ rig }) => {
  prepare(rig);
  const endless = ["run", file, "--json", "--until", "train", "--set", "train.epochs=2000"];
  const owner = rig.start(endless);
  await owner.says(/"step":"train","done":/);
  const waiter = rig.start(endless);
  await waiter.says(/"step-start","step":"train"/);
  const asked = performance.now();
  waiter.process.kill("SIGINT");
  expect((await waiter.ended).code).toBe(130);
  expect(performance.now() - asked).toBeLessThan(3_000);
  expect(owner.process.exitCode).toBe(null);
  owner.process.kill("SIGINT");
  expect(told(await owner.ended)).toMatchObject({ code: 130, steps: { train: "skipped" } });
});

test("in plain lines, the reader is told what was interrupted", async ({ rig }) => {
  prepare(rig);
  const run = rig.start(["run", file, "--until", "train"]);
  await run.says(/^preflight {2}started/m);
  run.process.kill("SIGINT");
  const { code, stdout, stderr } = await run.ended;
  expect([code, stderr]).toEqual([130, ""]);
  expect(stdout).toMatch(/^(preflight|train) {2}interrupted$/m);
  expect(stdout).toMatch(/^run tuned {2}interrupted$/m);
});

/** The record of the training of a study. */
function trainRecord(rig: Rig): StoreRecord {
  return names(rig.path("artifacts/store/keys"))
    .map((name) => rig.readJson(`artifacts/store/keys/${name}`) as StoreRecord)
    .find(({ ingredients }) => ingredients.kind === "train") as StoreRecord;
}

/** Digests of the adapter that a study trained. */
function adapterOf(rig: Rig): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(trainRecord(rig).files).filter(([name]) => name.startsWith("adapter/")));
}
