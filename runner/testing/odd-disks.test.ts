/** Data and artifacts behind symlinks, names that differ by case, quotas, and disks that fail while a run is sealed. */
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

/** A folder beside the study, gone at the end. */
function elsewhere(rig: Rig): string {
  const folder = mkdtempSync(join(tmpdir(), "exp-elsewhere-"));
  rig.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Mounts something until the test ends; false where that is forbidden, or this kernel cannot. */
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
      // The test has done it.
    }
  });
  return true;
}

test.for([
  ["a data file", `${data}/train.csv`],
  ["a folder of data", data],
] as const)("%s may be a symlink: what it points to counts, and not where that lies", async ([, path], { rig }) => {
  await rig.built(file);
  const target = join(elsewhere(rig), "moved");
  renameSync(rig.path(path), target);
  symlinkSync(target, rig.path(path));
  expect(new Set(Object.values((await rig.built(file)).steps))).toEqual(new Set(["reused"]));
  const train = path === data ? join(target, "train.csv") : target;
  writeFileSync(train, table("other-", 48, 500));
  expect((await rig.plan(file)).data).toBe("run: data.train.file changed");
  expect((await rig.built(file)).steps.data).toBe("built");
  expect(await rig.done("verify", "--store")).toContain("all as recorded");
});

test("artifacts/ may be a symlink to another disk: a run is stored there, sealed, verified, collected and reused", async ({
  rig,
  skip,
}) => {
  const disk = rig.path("disk");
  if (!mount(rig, disk, "-t", "tmpfs")) return skip("no disk can be mounted here");
  symlinkSync(disk, rig.path("artifacts"));
  await rig.built(file);
  expect(readdirSync(disk)).toEqual(expect.arrayContaining(["runs", "store"]));
  expect(new Set(Object.values((await rig.built(file)).steps))).toEqual(new Set(["reused"]));
  expect(await rig.done("verify", "--store")).toContain("all as recorded");
  expect(await rig.done("gc")).toContain("0 objects");
  expect(rig.read("artifacts/runs/study/latest/manifest.json")).toContain('"experiment": "study"');
  expectWhole(rig);
});

test("experiments whose names differ by case alone are refused together: their runs would be one folder on many disks", async ({
  rig,
}) => {
  rig.write("experiments/other.yaml", rig.read(file).replace(/^name: study$/m, "name: Study"));
  expectFailure(
    await rig.exp("run", file, "experiments/other.yaml"),
    2,
    /study and Study differ by case alone.*rename one/,
  );
  expect(existsSync(rig.path("artifacts/runs"))).toBe(false);
});

test("on a disk that takes two names for one, an experiment does not go into another's folder", async ({
  rig,
  skip,
}) => {
  if (!mount(rig, rig.path("artifacts"), "-t", "tmpfs", "-o", "casefold")) {
    return skip("this kernel has no file system that ignores case: CONFIG_UNICODE is off");
  }
  mkdirSync(rig.path("artifacts/runs"));
  execFileSync("chattr", ["+F", rig.path("artifacts/runs")]);
  await rig.built(file);
  rig.edit(file, /^name: study$/m, "name: STUDY");
  expectFailure(await rig.exp("run", file), 2, /study and STUDY differ by case alone/);
});

test("a quota that is used up is an error that says so, and a rerun with room finishes", async ({ rig, skip }) => {
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
  expectFailure(await rig.exp("run", file), 1, /no space left on the disk of|the disk quota is used up/);
  rmSync(ballast);
  await rig.built(file);
});

test("a disk that is full when all is done but the seal says so and leaves no half-made run; with room the same run is sealed", async ({
  rig,
  skip,
}) => {
  if (!mount(rig, rig.path("artifacts"), "-t", "tmpfs", "-o", "size=8m")) return skip("no disk can be mounted here");
  const { manifest } = await rig.built(file);
  rmSync(rig.path("artifacts/runs"), { recursive: true });
  const ballast = rig.path("artifacts/ballast");
  fill(ballast);
  // Room for what a process says of itself, and not for a manifest.
  truncateSync(ballast, Math.floor(statSync(ballast).size / 4096) * 4096 - 8192);
  expectFailure(await rig.exp("run", file), 1, /no space left on the disk of .*artifacts/);
  expect(existsSync(manifest)).toBe(false);
  expect(readdirSync(rig.path("artifacts/store/staging"))).toEqual([]);
  rmSync(ballast);
  const sealed = await rig.built(file);
  expect(new Set(Object.values(sealed.steps))).toEqual(new Set(["reused"]));
  expect(sealed.manifest).toBe(manifest);
  expectWhole(rig);
});

test("a store that is read-only when all is done but the seal says so, and the same run is sealed later", async ({
  rig,
  skip,
}) => {
  const { manifest } = await rig.built(file);
  rmSync(rig.path("artifacts/runs"), { recursive: true });
  const staging = rig.path("artifacts/store/staging");
  if (!mount(rig, staging, "-t", "tmpfs", "-o", "ro")) return skip("no disk can be mounted here");
  expectFailure(await rig.exp("run", file), 1, /the disk is read-only: .*staging/);
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
