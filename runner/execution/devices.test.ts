import { expect, test } from "vitest";
import { cgroupLimits, detectMachine, parseGpus, visibleGpus } from "./devices.ts";

test("this machine has a core and memory, and is detected once", async () => {
  const machine = await detectMachine();
  expect(machine.cores).toBeGreaterThanOrEqual(1);
  expect(machine.memory).toBeGreaterThan(2 ** 28);
  expect(detectMachine()).toBe(detectMachine());
});

function limits(files: Record<string, string>) {
  return cgroupLimits((path) => files[path]);
}

test("the tightest limit of a control group and its ancestors applies", () => {
  const files = {
    "/proc/self/cgroup": "0::/a/b\n",
    "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
    "/sys/fs/cgroup/a/cpu.max": "250000 100000\n",
    "/sys/fs/cgroup/a/b/memory.max": "max\n",
    "/sys/fs/cgroup/a/memory.max": "2147483648\n",
    "/sys/fs/cgroup/memory.max": "4294967296\n",
  };
  expect(limits(files)).toEqual({ cores: 2.5, memory: 2 ** 31 });
});

test("reads control groups of version 1", () => {
  const files = {
    "/proc/self/cgroup": "4:memory:/job\n2:cpu,cpuacct:/\n1:name=systemd:/\n",
    "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1073741824",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
  };
  expect(limits(files)).toEqual({ cores: 1.5, memory: 2 ** 30 });
  expect(
    limits({ "/proc/self/cgroup": "2:cpu:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1" }).cores,
  ).toBeUndefined();
  expect(limits({})).toEqual({ cores: undefined, memory: undefined });
});

const csv = `0, GPU-aaaa, NVIDIA H200, 143771, 9.0
1, GPU-bbbb, Tesla T4, [N/A], [N/A]
No devices were found
`;

test("parses the driver's list, with unknown cells", () => {
  expect(parseGpus(csv)).toEqual([
    { index: 0, uuid: "GPU-aaaa", name: "NVIDIA H200", memory: 143771 * 2 ** 20, capability: "9.0" },
    { index: 1, uuid: "GPU-bbbb", name: "Tesla T4", memory: undefined, capability: undefined },
  ]);
});

test.each([
  [undefined, ["GPU-aaaa", "GPU-bbbb"]],
  ["1,0", ["GPU-bbbb", "GPU-aaaa"]],
  ["GPU-b", ["GPU-bbbb"]],
  ["0,7,1", ["GPU-aaaa"]],
  ["-1", []],
  ["", []],
  ["MIG-1234", ["MIG-1234"]],
])("CUDA_VISIBLE_DEVICES=%s", (visible, expected) => {
  expect(visibleGpus(parseGpus(csv), visible).map((gpu) => gpu.uuid)).toEqual(expected);
});
