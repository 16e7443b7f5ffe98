import { readFileSync } from "node:fs";
import type { Device, Precision } from "../backends/device.ts";
import type { Gpu } from "../execute/devices.ts";

/**
 * The number format that `auto` and `16bit` stand for on each device: on GPUs bf16 from compute capability 8.0 on, fp16
 * below (where bf16 is emulated); on a CPU bf16 only where it has instructions for it. Without a GPU, a plan for one takes it to be new.
 */
export function nativePrecision(
  gpus: readonly Gpu[],
  cpuFlags: () => string = readCpuFlags,
): Readonly<Record<Device, Precision>> {
  const weakest = Math.min(...gpus.map(({ capability }) => Number(capability ?? 0)));
  return {
    cpu: /\b(avx512_bf16|amx_bf16|bf16)\b/.test(cpuFlags()) ? "bf16" : "fp32",
    cuda: weakest >= 8 ? "bf16" : "fp16",
  };
}

/** Flags of the first processor; empty where the system does not tell. */
function readCpuFlags(): string {
  try {
    return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
}
