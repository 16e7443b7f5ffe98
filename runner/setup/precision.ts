import { readFileSync } from "node:fs";
import type { Gpu } from "../execution/devices.ts";
import type { Device, Precision } from "../plugins/backends/device.ts";

/**
 * The number format that `auto` and `16bit` stand for on each device: on GPUs bf16 from compute capability 8.0 on, fp16
 * below (where bf16 is emulated); on a CPU bf16 only where its products are faster so. Without a GPU, a plan for one takes it to be new.
 */
export function nativePrecision(
  gpus: readonly Gpu[],
  cpuInfo: () => string = readCpuInfo,
): Readonly<Record<Device, Precision>> {
  const weakest = Math.min(...gpus.map(({ capability }) => Number(capability ?? 0)));
  return {
    cpu: multipliesFaster(cpuInfo()) ? "bf16" : "fp32",
    cuda: weakest >= 8 ? "bf16" : "fp16",
  };
}

/**
 * Whether a processor multiplies bf16 faster than fp32. Intel's AVX-512 for it is the slower way where AMX is missing or hidden
 * from a virtual machine: 90 against 160 GFLOP/s a core on a Xeon of the fourth generation.
 */
function multipliesFaster(cpuInfo: string): boolean {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuInfo)?.[1] ?? "";
  const isIntel = /^vendor_id\s*:\s*GenuineIntel$/m.test(cpuInfo);
  return (isIntel ? /\bamx_bf16\b/ : /\b(avx512_bf16|amx_bf16|bf16)\b/).test(flags);
}

/** What Linux says of its processors; empty on other systems. */
function readCpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}
