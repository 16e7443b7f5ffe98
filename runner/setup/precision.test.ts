import { expect, test } from "vitest";
import { nativePrecision } from "./precision.ts";

const cpu = (lines: string) => nativePrecision([], () => `processor\t: 0\n${lines}\n`).cpu;

test.each([
  ["Intel with AMX", "vendor_id\t: GenuineIntel\nflags\t\t: fma avx512_bf16 amx_bf16 amx_tile", "bf16"],
  [
    "Intel with AVX-512 but no AMX, whose bf16 products are slower",
    "vendor_id\t: GenuineIntel\nflags\t\t: fma avx512_bf16",
    "fp32",
  ],
  ["AMD with AVX-512", "vendor_id\t: AuthenticAMD\nflags\t\t: fma avx512_bf16", "bf16"],
  ["AMD without", "vendor_id\t: AuthenticAMD\nflags\t\t: fma avx2", "fp32"],
  ["Arm", "Features\t: fp asimd bf16 i8mm", "bf16"],
  ["a system without /proc/cpuinfo", "", "fp32"],
])("the native precision of a CPU: %s", (_, lines, precision) => {
  expect(cpu(lines)).toBe(precision);
});

test("on GPUs the oldest decides, bf16 from compute capability 8.0 on; a plan without one takes it to be new", () => {
  const gpu = (capability: string) => ({ index: 0, uuid: capability, name: "GPU", memory: 16e9, capability });
  expect(nativePrecision([gpu("8.0"), gpu("7.5")], () => "").cuda).toBe("fp16");
  expect(nativePrecision([gpu("8.9")], () => "").cuda).toBe("bf16");
  expect(nativePrecision([], () => "").cuda).toBe("bf16");
});
