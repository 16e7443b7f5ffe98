/** What must hold of a store at any moment, whoever was killed. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { listingDigest, openDigests } from "../store/digest.ts";
import type { Rig } from "./rig.ts";

/** Every object is what its name says, every record is that of its key, and every sealed run points to both. */
export function expectWhole(rig: Rig): void {
  const fresh = openDigests(join(rig.folder, "../no-memory"));
  const objects = names(rig.path("artifacts/store/objects"));
  for (const object of objects) {
    expect(listingDigest(fresh.folder(rig.path(`artifacts/store/objects/${object}`)))).toBe(object);
  }
  for (const name of names(rig.path("artifacts/store/keys")).filter((key) => !key.startsWith("."))) {
    const record = JSON.parse(rig.read(`artifacts/store/keys/${name}`)) as StoreRecord;
    expect(keyOf(record.ingredients)).toBe(name.replace(".json", ""));
    expect(objects).toContain(record.object);
  }
  for (const experiment of names(rig.path("artifacts/runs"))) {
    for (const run of names(rig.path(`artifacts/runs/${experiment}`))) {
      const path = rig.path(`artifacts/runs/${experiment}/${run}/manifest.json`);
      if (!existsSync(path)) continue;
      for (const step of Object.values(rig.manifest(path).steps)) expect(objects).toContain(step.object);
    }
  }
}

/** After a finished run, nobody's leftovers lie about, but for locks that dead processes held on keys that no one wants. */
export function expectTidy(rig: Rig): void {
  for (const folder of ["store/staging", "store/running"]) {
    expect(names(rig.path(`artifacts/${folder}`)), folder).toEqual([]);
  }
  expect(names(rig.path("artifacts/work")).filter((name) => name !== "snapshots")).toEqual([]);
  expect(names(rig.path("artifacts/work/snapshots")).filter((name) => name.endsWith(".partial"))).toEqual([]);
}

/** What an object holds, by file: for comparing results of two stores. */
export function outputs(rig: Rig, manifest: string, step: string): Readonly<Record<string, string>> {
  const { files = {} } = rig.manifest(manifest).steps[step] ?? {};
  return Object.fromEntries(Object.entries(files).map(([name, { sha256 }]) => [name, sha256]));
}

/** Names in a folder; none where there is no folder. */
export function names(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
