/** A run in a store with very many entries of other runs. bench/entries.mjs measures the cost. */
import { existsSync, readdirSync } from "node:fs";
import { expect } from "vitest";
import { faults } from "./faults.ts";
import { fillStore } from "./large-store.ts";
import { test } from "./rig.ts";

const file = "experiments/study.yaml";
/** 2,000, and 20,000 in a soak. */
const entries = faults * 100;

test(`with ${entries} entries of other runs, a run is planned, reused, listed, verified, and kept by gc`, async ({
  rig,
}) => {
  const { manifest } = await rig.build(file);
  const own = readdirSync(rig.path("artifacts/store/objects")).length;
  fillStore(rig.path("artifacts"), entries);
  expect(new Set(Object.values(await rig.plan(file)))).toEqual(new Set(["cached"]));
  const again = await rig.build(file);
  expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  expect(again.manifest).toBe(manifest);
  expect(await rig.json("ls")).toHaveLength(1);
  expect(await rig.json("verify", "--store")).toMatchObject({ flaws: [] });
  expect(JSON.parse(await rig.output("gc", "--dry-run", "--json")).collected).toHaveLength(entries);
  expect(readdirSync(rig.path("artifacts/store/objects"))).toHaveLength(own + entries);
  expect(JSON.parse(await rig.output("gc", "--json")).collected).toHaveLength(entries);
  expect(readdirSync(rig.path("artifacts/store/objects"))).toHaveLength(own);
  expect(existsSync(manifest)).toBe(true);
  expect(new Set(Object.values(await rig.plan(file)))).toEqual(new Set(["cached"]));
  expect(readdirSync(rig.path("artifacts/store/staging"))).toEqual([]);
}, 600_000);
