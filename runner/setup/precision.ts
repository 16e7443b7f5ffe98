import { readFileSync } from "node:fs";
import type { Machine } from "../execute/devices.ts";

/**
 * The number format that `auto` and `16bit` stand for on this machine: bf16 from compute capability 8.0 on, fp16 below
 * (where bf16 is emulated), and on a CPU bf16 only where it has instructions for it.
 */
export function nativePrecision(machine: Machine, cpuFlags: () => string = readCpuFlags): "bf16" | "fp16" | "fp32" {
  if (machine.gpus.length > 0) {
    const weakest = Math.min(...machine.gpus.map(({ capability }) => Number(capability ?? 0)));
    return weakest >= 8 ? "bf16" : "fp16";
  }
  return /\b(avx512_bf16|amx_bf16|bf16)\b/.test(cpuFlags()) ? "bf16" : "fp32";
}

/** Flags of the first processor; empty where the system does not tell. */
function readCpuFlags(): string {
  try {
    return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
}
