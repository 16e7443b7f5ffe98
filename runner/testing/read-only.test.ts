/** A read-only store, and a store that becomes read-only during a run. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { expect } from "vitest";
import { expectFailure, type Rig, test } from "./rig.ts";
import { expectWhole } from "./whole.ts";

const file = "experiments/study.yaml";

/** Mounts a tmpfs at a folder of the study until the test ends; false if this user may not. */
function mount(rig: Rig, path: string, ...args: readonly string[]): boolean {
  mkdirSync(rig.path(path), { recursive: true });
  try {
    execFileSync("mount", [...args, rig.path(path)], { stdio: "pipe" });
  } catch {
    return false;
  }
  rig.atEnd(() => {
    try {
      execFileSync("umount", ["--lazy", rig.path(path)], { stdio: "pipe" });
    } catch {
      // The test has unmounted it.
    }
  });
  return true;
}

test("ls, show, why, plan, verify, gc --dry-run, report and push work on a read-only store; run fails with `disk`", async ({
  rig,
  skip,
}) => {
  if (!mount(rig, "artifacts", "-t", "tmpfs", "tmpfs")) return skip("no disk can be mounted here");
  const { manifest } = await rig.built(file);
  execFileSync("mount", ["-o", "remount,ro", rig.path("artifacts")]);
  const before = rig.tree();
  expect(JSON.parse(await rig.done("ls", "--where", "micro_f1>=0", "--json"))).toHaveLength(1);
  expect(JSON.parse(await rig.done("show", "study", "--json"))).toMatchObject({ experiment: "study" });
  expect(JSON.parse(await rig.done("why", "study", "data", "--json"))).toMatchObject({ status: "cached" });
  expect(new Set(Object.values(await rig.plan(file)))).toEqual(new Set(["cached"]));
  expect(JSON.parse(await rig.done("verify", "--store", "--json"))).toMatchObject({ flaws: [] });
  expect(JSON.parse(await rig.done("gc", "--dry-run", "--json"))).toMatchObject({ collected: [] });
  expect(await rig.exp("report", "study", "--html", "--out", rig.path("report"))).toMatchObject({ code: 0 });
  await rig.done("push", rig.path("shared"), "study");
  expectFailure(await rig.exp("run", file), 1, "disk", rig.path("artifacts"));
  // The store has no flaws, so --repair writes nothing.
  await rig.done("verify", "--store", "--repair");
  expect(rig.tree()).toEqual(before);
  execFileSync("mount", ["-o", "remount,rw", rig.path("artifacts")]);
  expect((await rig.built(file)).manifest).toBe(manifest);
});

test("a store that becomes read-only during a run ends the run, and the next run resumes", async ({ rig, skip }) => {
  rig.edit(file, "test.csv}\n", "test.csv}\n  accept: [duplicate-input]\n");
  rig.append(file, `sweep: {grid: {data.train.limit: [${Array.from({ length: 40 }, (_, index) => index + 8)}]}}\n`);
  const run = rig.start(["run", file, "--json"]);
  await run.says(/"step-end"/);
  if (!mount(rig, "artifacts/store/keys", "-t", "tmpfs", "-o", "ro", "tmpfs"))
    return skip("no disk can be mounted here");
  expectFailure(await run.ended, 1, "disk", "store/keys");
  expectWhole(rig);
  execFileSync("umount", [rig.path("artifacts/store/keys")]);
  const { steps } = await rig.built(file);
  expect(new Set(Object.values(steps))).toEqual(new Set(["built", "reused"]));
  expectWhole(rig);
});
