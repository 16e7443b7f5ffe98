import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EnergyMeter } from "./energy.ts";

let powercap: string;
beforeEach(() => {
  powercap = mkdtempSync(join(tmpdir(), "exp-powercap-"));
});
afterEach(() => rmSync(powercap, { recursive: true, force: true }));

function zone(name: string, label: string, microjoules: number): void {
  const folder = join(powercap, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "name"), `${label}\n`);
  writeFileSync(join(folder, "max_energy_range_uj"), "262143328850\n");
  writeFileSync(join(folder, "energy_uj"), `${microjoules}\n`);
}

const noGpus = async () => ({});

test("adds packages up, also over an overflow, and leaves out zones within a package", async () => {
  zone("intel-rapl:0", "package-0", 1_000_000);
  zone("intel-rapl:1", "package-1", 262_143_000_000);
  zone("intel-rapl:0:0", "core", 0);
  zone("intel-rapl:2", "psys", 0);
  const measuring = await new EnergyMeter(powercap).begin([], noGpus);
  zone("intel-rapl:0", "package-0", 21_000_000);
  zone("intel-rapl:1", "package-1", 5_000_000);
  zone("intel-rapl:0:0", "core", 9_000_000);
  zone("intel-rapl:2", "psys", 9_000_000);
  // 20 J and 0.32885 J up to the end of the range and 5 J after it.
  expect(await measuring.end()).toEqual({ processors: 25.3 });
});

test("leaves out what was not measured: no counter, an unreadable one, concurrent steps", async () => {
  expect(await (await new EnergyMeter(powercap).begin(["GPU-1"], noGpus)).end()).toEqual({});
  zone("intel-rapl:0", "package-0", 0);
  const two = new EnergyMeter(powercap);
  const first = await two.begin([], noGpus);
  const second = await two.begin([], noGpus);
  zone("intel-rapl:0", "package-0", 7_000_000);
  expect([await second.end(), await first.end()]).toEqual([{}, {}]);
  const third = await two.begin([], noGpus);
  zone("intel-rapl:0", "package-0", 8_000_000);
  expect(await third.end()).toEqual({ processors: 1 });
  rmSync(join(powercap, "intel-rapl:0", "energy_uj"));
  expect(await (await two.begin([], noGpus)).end()).toEqual({});
});

test("adds GPUs up if each has a counter", async () => {
  const told: Record<string, number> = { "GPU-1": 1_000, "GPU-2": 5_000 };
  const both = new EnergyMeter(powercap);
  const read = async () => ({ ...told });
  const [one, all, other] = [
    await both.begin(["GPU-1"], read),
    await both.begin(["GPU-1", "GPU-2"], read),
    await both.begin(["GPU-3"], read),
  ];
  told["GPU-1"] = 4_500;
  told["GPU-2"] = 6_000;
  expect([await one.end(), await all.end(), await other.end()]).toEqual([{ gpu: 3.5 }, { gpu: 4.5 }, {}]);
});
