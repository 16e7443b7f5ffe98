/** A store that this user may read and not write, and one that becomes so while a run goes on. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { expect } from "vitest";
import { expectFailure, type Rig, test } from "./rig.ts";
import { expectWhole } from "./whole.ts";

const file = "experiments/study.yaml";

/** Mounts something at a folder of the study for as long as the test takes; false where that is forbidden. */
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
      // The test has done it.
    }
  });
  return true;
}

test("a colleague's store that is read-only is listed, shown, verified, planned on and pushed from; a run says why it cannot", async ({
  rig,
  skip,
}) => {
  if (!mount(rig, "artifacts", "-t", "tmpfs", "tmpfs")) return skip("no disk can be mounted here");
  const { manifest } = await rig.built(file);
  execFileSync("mount", ["-o", "remount,ro", rig.path("artifacts")]);
  const before = rig.tree();
  expect(await rig.done("ls", "--where", "micro_f1>=0")).toContain("study");
  expect(await rig.done("show", "study")).toContain("zero-shot");
  expect(await rig.done("why", "study", "data")).toContain("cached");
  expect(new Set(Object.values(await rig.plan(file)))).toEqual(new Set(["cached"]));
  expect(await rig.done("verify", "--store")).toContain("all as recorded");
  expect(await rig.done("gc", "--dry-run")).toContain("would delete 0 objects");
  expect(await rig.exp("report", "study", "--html", "--out", rig.path("report"))).toMatchObject({ code: 0 });
  await rig.done("push", rig.path("shared"), "study");
  expectFailure(await rig.exp("run", file), 1, /the disk is read-only: .*artifacts[\s\S]*make it writable/);
  // Nothing is wrong there, so that there is nothing to write.
  expect(await rig.done("verify", "--store", "--repair")).toContain("all as recorded");
  expect(rig.tree()).toEqual(before);
  execFileSync("mount", ["-o", "remount,rw", rig.path("artifacts")]);
  expect((await rig.built(file)).manifest).toBe(manifest);
});

test("a store that becomes read-only in mid-run ends the run with that, and the next goes on", async ({
  rig,
  skip,
}) => {
  rig.edit(file, "test.csv}\n", "test.csv}\n  accept: [duplicate-input]\n");
  rig.append(file, `sweep: {grid: {data.train.limit: [${Array.from({ length: 40 }, (_, index) => index + 8)}]}}\n`);
  const run = rig.start(["run", file, "--json"]);
  await run.says(/"step-end"/);
  if (!mount(rig, "artifacts/store/keys", "-t", "tmpfs", "-o", "ro", "tmpfs"))
    return skip("no disk can be mounted here");
  expectFailure(await run.ended, 1, /the disk is read-only: .*keys/);
  expectWhole(rig);
  execFileSync("umount", [rig.path("artifacts/store/keys")]);
  const { steps } = await rig.built(file);
  expect(new Set(Object.values(steps))).toEqual(new Set(["built", "reused"]));
  expectWhole(rig);
});
