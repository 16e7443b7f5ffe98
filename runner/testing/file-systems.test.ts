/** Symlinked data and artifacts, names that differ in case only, quotas, and disks that fail while a run is sealed. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { expectFailure } from "./command.ts";
import { mountTmpfs, unmount } from "./mount.ts";
import { type Rig, test } from "./rig.ts";
import { expectIntactStore } from "./store-checks.ts";
import { table } from "./studies.ts";

const file = "experiments/study.yaml";
const data = "experiments/data";

/** A folder outside the study, which is deleted after the test. */
function temporaryFolder(rig: Rig): string {
  const folder = mkdtempSync(join(tmpdir(), "exp-outside-"));
  rig.onClose(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test.for([
  ["a data file", `${data}/train.csv`],
  ["a folder of data", data],
] as const)("%s may be a symlink: the content of its target counts, and not its path", async ([, path], { rig }) => {
  await rig.build(file);
  const target = join(temporaryFolder(rig), "moved");
  renameSync(rig.path(path), target);
  symlinkSync(target, rig.path(path));
  expect(new Set(Object.values((await rig.build(file)).steps))).toEqual(new Set(["reused"]));
  const train = path === data ? join(target, "train.csv") : target;
  writeFileSync(train, table("other-", 48, 500));
  expect((await rig.plan(file)).data).toMatch(/^run: data\.train\.file /);
  expect((await rig.build(file)).steps.data).toBe("built");
  expect(await rig.json("verify", "--store")).toMatchObject({ flaws: [] });
});

test("artifacts/ may be a symlink to another disk: a run is stored, sealed, verified, collected and reused there", async ({
  rig,
  skip,
}) => {
  const disk = rig.path("disk");
  if (!mountTmpfs(rig, disk)) return skip("cannot mount a disk here");
  symlinkSync(disk, rig.path("artifacts"));
  await rig.build(file);
  expect(readdirSync(disk)).toEqual(expect.arrayContaining(["runs", "store"]));
  expect(new Set(Object.values((await rig.build(file)).steps))).toEqual(new Set(["reused"]));
  expect(await rig.json("verify", "--store")).toMatchObject({ flaws: [] });
  expect(await rig.json("gc")).toMatchObject({ collected: [] });
  expect(rig.read("artifacts/runs/study/latest/manifest.json")).toContain('"experiment": "study"');
  expectIntactStore(rig);
});

test("experiments whose names differ in case only cannot run together: many disks have one folder for both", async ({
  rig,
}) => {
  rig.write("experiments/other.yaml", rig.read(file).replace(/^name: study$/m, "name: Study"));
  expectFailure(await rig.exp("run", file, "experiments/other.yaml"), 2, "bad-option", /\bstudy and Study\b/);
  expect(existsSync(rig.path("artifacts/runs"))).toBe(false);
});

test("on a case-insensitive disk, an experiment does not use another's folder", async ({ rig, skip }) => {
  if (!mountTmpfs(rig, rig.path("artifacts"), ["casefold"])) {
    return skip("this kernel has no case-insensitive file system: CONFIG_UNICODE is off");
  }
  mkdirSync(rig.path("artifacts/runs"));
  execFileSync("chattr", ["+F", rig.path("artifacts/runs")]);
  await rig.build(file);
  rig.edit(file, /^name: study$/m, "name: STUDY");
  expectFailure(await rig.exp("run", file), 2, "bad-option", /\bstudy and STUDY\b/);
});

test("an exceeded quota is an error; with free space the next run finishes", async ({ rig, skip }) => {
  const limit = ["usrquota", "usrquota_block_hardlimit=300k"];
  if (!mountTmpfs(rig, rig.path("artifacts"), limit)) {
    return skip("cannot set a quota here: CONFIG_TMPFS_QUOTA is off, or this user cannot mount");
  }
  const ballast = rig.path("artifacts/ballast");
  try {
    writeFileSync(ballast, Buffer.alloc(400_000));
    return skip("quotas do not apply to root here");
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EDQUOT");
  }
  expectFailure(await rig.exp("run", file), 1, "disk-full");
  rmSync(ballast);
  await rig.build(file);
});

test("a disk that is full when a run is sealed is an error without a partial run; with free space the run is sealed", async ({
  rig,
  skip,
}) => {
  if (!mountTmpfs(rig, rig.path("artifacts"), ["size=8m"])) return skip("cannot mount a disk here");
  const { manifest } = await rig.build(file);
  rmSync(rig.path("artifacts/runs"), { recursive: true });
  const ballast = rig.path("artifacts/ballast");
  fill(ballast);
  // Space for the file of a live process, and not for a manifest.
  truncateSync(ballast, Math.floor(statSync(ballast).size / 4096) * 4096 - 8192);
  expectFailure(await rig.exp("run", file), 1, "disk-full", "artifacts");
  expect(existsSync(manifest)).toBe(false);
  expect(readdirSync(rig.path("artifacts/store/staging"))).toEqual([]);
  rmSync(ballast);
  const sealed = await rig.build(file);
  expect(new Set(Object.values(sealed.steps))).toEqual(new Set(["reused"]));
  expect(sealed.manifest).toBe(manifest);
  expectIntactStore(rig);
});

test("a store that is read-only when a run is sealed is an error, and the next run seals it", async ({ rig, skip }) => {
  const { manifest } = await rig.build(file);
  rmSync(rig.path("artifacts/runs"), { recursive: true });
  const staging = rig.path("artifacts/store/staging");
  if (!mountTmpfs(rig, staging, ["ro"])) return skip("cannot mount a disk here");
  expectFailure(await rig.exp("run", file), 1, "disk", staging);
  expect(existsSync(manifest)).toBe(false);
  unmount(staging);
  expect((await rig.build(file)).manifest).toBe(manifest);
  expectIntactStore(rig);
});

function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, Buffer.alloc(4096), { flag: "a" });
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
  }
}
