/** A store with very many entries: nothing is lost, mistaken or kept for their sake. bench/entries.mjs says what they cost. */
import { existsSync, readdirSync } from "node:fs";
import { expect } from "vitest";
import { fillStore } from "./many-entries.ts";
import { faults, test } from "./rig.ts";

const file = "experiments/study.yaml";
/** 2,000, and 20,000 in a soak. */
const entries = faults * 100;

test(`beside ${entries} entries of others a run is planned, reused, listed, verified, and kept when the others are collected`, async ({
  rig,
}) => {
  const { manifest } = await rig.built(file);
  const own = readdirSync(rig.path("artifacts/store/objects")).length;
  fillStore(rig.path("artifacts"), entries);
  expect(new Set(Object.values(await rig.plan(file)))).toEqual(new Set(["cached"]));
  const again = await rig.built(file);
  expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  expect(again.manifest).toBe(manifest);
  expect(await rig.done("ls")).toContain("study");
  expect(await rig.done("verify", "--store")).toMatch(/all as recorded|nothing refers to/);
  expect(await rig.done("gc", "--dry-run")).toContain(`would delete ${entries} objects`);
  expect(readdirSync(rig.path("artifacts/store/objects"))).toHaveLength(own + entries);
  expect(await rig.done("gc")).toContain(`deleted ${entries} objects`);
  expect(readdirSync(rig.path("artifacts/store/objects"))).toHaveLength(own);
  expect(existsSync(manifest)).toBe(true);
  expect(new Set(Object.values(await rig.plan(file)))).toEqual(new Set(["cached"]));
  expect(readdirSync(rig.path("artifacts/store/staging"))).toEqual([]);
}, 600_000);
