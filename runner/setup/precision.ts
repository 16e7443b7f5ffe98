import { readFileSync } from "node:fs";
import type { Gpu } from "../execution/devices.ts";
import type { Device, Precision } from "../plugins/backends/device.ts";

/**
 * The number format that `auto` and `16bit` select on each device. GPUs use bf16 from compute capability 8.0 and fp16 below, where
 * bf16 is emulated. CPUs use bf16 only if they multiply it faster than fp32. A machine without GPU gets the format of a recent one.
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
 * Whether a processor multiplies bf16 faster than fp32. Without AMX, which a virtual machine may hide, Intel's AVX-512 bf16 is
 * slower than fp32: 90 against 160 GFLOP/s a core on a fourth-generation Xeon.
 */
function multipliesFaster(cpuInfo: string): boolean {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuInfo)?.[1] ?? "";
  const isIntel = /^vendor_id\s*:\s*GenuineIntel$/m.test(cpuInfo);
  return (isIntel ? /\bamx_bf16\b/ : /\b(avx512_bf16|amx_bf16|bf16)\b/).test(flags);
}

/** The text of /proc/cpuinfo; empty on systems other than Linux. */
function readCpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}
