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
import { expectFailure, type Rig, test } from "./rig.ts";
import { table } from "./studies.ts";
import { expectWhole } from "./whole.ts";

const file = "experiments/study.yaml";
const data = "experiments/data";

/** A folder outside the study, which is deleted after the test. */
function elsewhere(rig: Rig): string {
  const folder = mkdtempSync(join(tmpdir(), "exp-elsewhere-"));
  rig.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Mounts a tmpfs until the test ends; false if this user or this kernel cannot. */
function mount(rig: Rig, folder: string, ...options: readonly string[]): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync("mount", [...options, "tmpfs", folder], { stdio: "pipe" });
  } catch {
    return false;
  }
  rig.atEnd(() => {
    try {
      execFileSync("umount", ["--lazy", folder], { stdio: "pipe" });
    } catch {
      // The test has unmounted it.
    }
  });
  return true;
}

test.for([
  ["a data file", `${data}/train.csv`],
  ["a folder of data", data],
] as const)("%s may be a symlink: the content of its target counts, and not its path", async ([, path], { rig }) => {
  await rig.built(file);
  const target = join(elsewhere(rig), "moved");
  renameSync(rig.path(path), target);
  symlinkSync(target, rig.path(path));
  expect(new Set(Object.values((await rig.built(file)).steps))).toEqual(new Set(["reused"]));
  const train = path === data ? join(target, "train.csv") : target;
  writeFileSync(train, table("other-", 48, 500));
  expect((await rig.plan(file)).data).toMatch(/^run: data\.train\.file /);
  expect((await rig.built(file)).steps.data).toBe("built");
  expect(JSON.parse(await rig.done("verify", "--store", "--json"))).toMatchObject({ flaws: [] });
});

test("artifacts/ may be a symlink to another disk: a run is stored, sealed, verified, collected and reused there", async ({
  rig,
  skip,
}) => {
  const disk = rig.path("disk");
  if (!mount(rig, disk, "-t", "tmpfs")) return skip("no disk can be mounted here");
  symlinkSync(disk, rig.path("artifacts"));
  await rig.built(file);
  expect(readdirSync(disk)).toEqual(expect.arrayContaining(["runs", "store"]));
  expect(new Set(Object.values((await rig.built(file)).steps))).toEqual(new Set(["reused"]));
  expect(JSON.parse(await rig.done("verify", "--store", "--json"))).toMatchObject({ flaws: [] });
  expect(JSON.parse(await rig.done("gc", "--json"))).toMatchObject({ collected: [] });
  expect(rig.read("artifacts/runs/study/latest/manifest.json")).toContain('"experiment": "study"');
  expectWhole(rig);
});

test("experiments whose names differ in case only cannot run together: many disks have one folder for both", async ({
  rig,
}) => {
  rig.write("experiments/other.yaml", rig.read(file).replace(/^name: study$/m, "name: Study"));
  expectFailure(await rig.exp("run", file, "experiments/other.yaml"), 2, "bad-option", /\bstudy and Study\b/);
  expect(existsSync(rig.path("artifacts/runs"))).toBe(false);
});

test("on a case-insensitive disk, an experiment does not use another's folder", async ({ rig, skip }) => {
  if (!mount(rig, rig.path("artifacts"), "-t", "tmpfs", "-o", "casefold")) {
    return skip("this kernel has no file system that ignores case: CONFIG_UNICODE is off");
  }
  mkdirSync(rig.path("artifacts/runs"));
  execFileSync("chattr", ["+F", rig.path("artifacts/runs")]);
  await rig.built(file);
  rig.edit(file, /^name: study$/m, "name: STUDY");
  expectFailure(await rig.exp("run", file), 2, "bad-option", /\bstudy and STUDY\b/);
});

test("an exceeded quota is an error; with free space the next run finishes", async ({ rig, skip }) => {
  const limit = "usrquota,usrquota_block_hardlimit=300k";
  if (!mount(rig, rig.path("artifacts"), "-t", "tmpfs", "-o", limit)) {
    return skip("no quota can be had here: CONFIG_TMPFS_QUOTA is off, or nothing can be mounted");
  }
  const ballast = rig.path("artifacts/ballast");
  try {
    writeFileSync(ballast, Buffer.alloc(400_000));
    return skip("root is above quotas here");
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EDQUOT");
  }
  expectFailure(await rig.exp("run", file), 1, "disk-full");
  rmSync(ballast);
  await rig.built(file);
});

test("a disk that is full when a run is sealed is an error without a partial run; with free space the run is sealed", async ({
  rig,
  skip,
}) => {
  if (!mount(rig, rig.path("artifacts"), "-t", "tmpfs", "-o", "size=8m")) return skip("no disk can be mounted here");
  const { manifest } = await rig.built(file);
  rmSync(rig.path("artifacts/runs"), { recursive: true });
  const ballast = rig.path("artifacts/ballast");
  fill(ballast);
  // Space for the file of a live process, and not for a manifest.
  truncateSync(ballast, Math.floor(statSync(ballast).size / 4096) * 4096 - 8192);
  expectFailure(await rig.exp("run", file), 1, "disk-full", "artifacts");
  expect(existsSync(manifest)).toBe(false);
  expect(readdirSync(rig.path("artifacts/store/staging"))).toEqual([]);
  rmSync(ballast);
  const sealed = await rig.built(file);
  expect(new Set(Object.values(sealed.steps))).toEqual(new Set(["reused"]));
  expect(sealed.manifest).toBe(manifest);
  expectWhole(rig);
});

test("a store that is read-only when a run is sealed is an error, and the next run seals it", async ({ rig, skip }) => {
  const { manifest } = await rig.built(file);
  rmSync(rig.path("artifacts/runs"), { recursive: true });
  const staging = rig.path("artifacts/store/staging");
  if (!mount(rig, staging, "-t", "tmpfs", "-o", "ro")) return skip("no disk can be mounted here");
  expectFailure(await rig.exp("run", file), 1, "disk", staging);
  expect(existsSync(manifest)).toBe(false);
  execFileSync("umount", [staging]);
  expect((await rig.built(file)).manifest).toBe(manifest);
  expectWhole(rig);
});

function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, Buffer.alloc(4096), { flag: "a" });
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
  }
}
