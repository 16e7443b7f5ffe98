/** Invariants of a store, which hold at any moment, also after a process was killed. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { listingDigest, openDigests } from "../store/digest.ts";
import { namesIn } from "../util/names-in.ts";
import type { Rig } from "./rig.ts";

/** Asserts that every object matches its name, every record its key, and that each record has its object. */
export function expectIntactObjects(artifacts: string): void {
  // A cache that does not exist: every file is read.
  const digests = openDigests(join(artifacts, "../no-digest-cache"));
  const store = join(artifacts, "store");
  const objects = namesIn(join(store, "objects"));
  for (const object of objects) expect(listingDigest(digests.folder(join(store, "objects", object)))).toBe(object);
  for (const name of namesIn(join(store, "keys")).filter((key) => !key.startsWith("."))) {
    const record = JSON.parse(readFileSync(join(store, "keys", name), "utf8")) as StoreRecord;
    expect(keyOf(record.ingredients)).toBe(name.replace(".json", ""));
    expect(objects).toContain(record.object);
  }
}

/** Asserts that the store of a study is intact and has every object of its finished runs. */
export function expectIntactStore(rig: Rig): void {
  expectIntactObjects(rig.path("artifacts"));
  const objects = namesIn(rig.path("artifacts/store/objects"));
  for (const experiment of namesIn(rig.path("artifacts/runs"))) {
    for (const run of namesIn(rig.path(`artifacts/runs/${experiment}`))) {
      const path = rig.path(`artifacts/runs/${experiment}/${run}/manifest.json`);
      if (!existsSync(path)) continue;
      for (const step of Object.values(rig.manifest(path).steps)) expect(objects).toContain(step.object);
    }
  }
}

/** Asserts that a finished run left no temporary files. Locks of killed processes may remain until a process needs them. */
export function expectNoLeftovers(rig: Rig): void {
  for (const folder of ["store/staging", "store/running"]) {
    expect(namesIn(rig.path(`artifacts/${folder}`)), folder).toEqual([]);
  }
  expect(namesIn(rig.path("artifacts/work")).filter((name) => name !== "snapshots")).toEqual([]);
  expect(namesIn(rig.path("artifacts/work/snapshots")).filter((name) => name.endsWith(".partial"))).toEqual([]);
}

/** File -> digest of the outputs of a step, for comparing two stores. */
export function outputs(rig: Rig, manifest: string, step: string): Readonly<Record<string, string>> {
  const { files = {} } = rig.manifest(manifest).steps[step] ?? {};
  return Object.fromEntries(Object.entries(files).map(([name, { sha256 }]) => [name, sha256]));
}
