/** A read-only store, and a store that becomes read-only during a run. */
import { expect } from "vitest";
import { expectFailure } from "./command.ts";
import { mountTmpfs, remount, unmount } from "./mount.ts";
import { test } from "./rig.ts";
import { expectIntactStore } from "./store-checks.ts";

const file = "experiments/study.yaml";

test("ls, show, why, plan, verify, gc --dry-run, report and push work on a read-only store; run fails with `disk`", async ({
  rig,
  skip,
}) => {
  if (!mountTmpfs(rig, rig.path("artifacts"))) return skip("cannot mount a disk here");
  const { manifest } = await rig.build(file);
  remount(rig.path("artifacts"), "ro");
  const before = rig.tree();
  expect(await rig.json("ls", "--where", "micro_f1>=0")).toHaveLength(1);
  expect(await rig.json("show", "study")).toMatchObject({ experiment: "study" });
  expect(await rig.json("why", "study", "data")).toMatchObject({ status: "cached" });
  expect(new Set(Object.values(await rig.plan(file)))).toEqual(new Set(["cached"]));
  expect(await rig.json("verify", "--store")).toMatchObject({ flaws: [] });
  expect(await rig.json("gc", "--dry-run")).toMatchObject({ collected: [] });
  expect(await rig.exp("report", "study", "--html", "--out", rig.path("report"))).toMatchObject({ code: 0 });
  await rig.output("push", rig.path("shared"), "study");
  expectFailure(await rig.exp("run", file), 1, "disk", rig.path("artifacts"));
  // The store has no flaws, so --repair writes nothing.
  await rig.output("verify", "--store", "--repair");
  expect(rig.tree()).toEqual(before);
  remount(rig.path("artifacts"), "rw");
  expect((await rig.build(file)).manifest).toBe(manifest);
});

test("a store that becomes read-only during a run ends the run, and the next run resumes", async ({ rig, skip }) => {
  rig.edit(file, "test.csv}\n", "test.csv}\n  accept: [duplicate-input]\n");
  rig.append(file, `sweep: {grid: {data.train.limit: [${Array.from({ length: 40 }, (_, index) => index + 8)}]}}\n`);
  const run = rig.start(["run", file, "--json"]);
  await run.waitFor(/"step-end"/);
  if (!mountTmpfs(rig, rig.path("artifacts/store/keys"), ["ro"])) return skip("cannot mount a disk here");
  expectFailure(await run.ended, 1, "disk", "store/keys");
  expectIntactStore(rig);
  unmount(rig.path("artifacts/store/keys"));
  const { steps } = await rig.build(file);
  expect(new Set(Object.values(steps))).toEqual(new Set(["built", "reused"]));
  expectIntactStore(rig);
});
