import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CpuShare, cpuSeconds } from "./cpu-share.ts";

test("the seconds of a group are those of its processes and of their children that have ended", () => {
  const proc = mkdtempSync(join(tmpdir(), "proc-"));
  const process = (pid: number, name: string, group: number, ...times: number[]): void => {
    mkdirSync(join(proc, `${pid}`));
    const before = `${pid} (${name}) S 1 ${group} 7 0 -1 4194304 1 1 1 1`;
    writeFileSync(join(proc, `${pid}`, "stat"), `${before} ${times.join(" ")} 20 0 4 0 1\n`);
  };
  try {
    process(10, "python", 10, 100, 50, 20, 30);
    process(11, "a) S (b", 10, 300, 0, 0, 0);
    process(12, "other", 12, 9_000, 0, 0, 0);
    mkdirSync(join(proc, "13"));
    mkdirSync(join(proc, "self"));
    expect(cpuSeconds(10, proc)).toBe(5);
    expect(cpuSeconds(10, join(proc, "absent"))).toBeUndefined();
  } finally {
    rmSync(proc, { recursive: true });
  }
});

test("the share is that between the first and the last sample, of all cores", () => {
  let now = 0;
  let reads = 0;
  const share = new CpuShare(
    2,
    () => {
      reads++;
      return 10 + now / 1000;
    },
    () => now,
  );
  share.sample();
  expect(reads).toBe(0);
  share.begin(10);
  for (; now <= 20_000; now += 1_000) share.sample();
  expect([share.value, reads]).toEqual([undefined, 5]);
  for (; now <= 60_000; now += 1_000) share.sample();
  expect(share.value).toBe(0.5);
  share.begin(11);
  expect(share.value).toBeUndefined();
});
