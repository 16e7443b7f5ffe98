import { describe, expect, it } from "vitest";
import type { Expected } from "../../plugins/step.ts";
import { type MachineSize, resourceChecks } from "./resource-checks.ts";

const GiB = 2 ** 30;
const training: Expected = {
  device: "cuda",
  gpus: 1,
  gpu_memory: [10 * GiB, 16 * GiB],
  memory: [2 * GiB, 9 * GiB],
  declared: {},
  smaller: ["train.method: qlora"],
  adapts: false,
};
const withGpu = (memory: number | undefined): MachineSize => ({ memory: 64 * GiB, gpus: [{ name: "GPU", memory }] });
const none: MachineSize = { memory: 64 * GiB, gpus: [] };
const codes = (expected: Expected, machine: MachineSize): string[] =>
  resourceChecks(expected, machine).map(({ severity, code }) => `${severity} ${code}`);

describe("a step that may not fit", () => {
  it("is an error below its low estimate, a warning between, and nothing above", () => {
    expect(codes(training, withGpu(8 * GiB))).toEqual(["error memory-short"]);
    expect(codes(training, withGpu(12 * GiB))).toEqual(["warning memory-tight"]);
    expect(codes(training, withGpu(16 * GiB))).toEqual([]);
    expect(codes(training, withGpu(undefined))).toEqual([]);
    expect(resourceChecks(training, withGpu(8 * GiB))[0]?.help).toBe("use train.method: qlora");
  });

  it("is compared with the declared resources, also on a machine without a GPU", () => {
    expect(codes({ ...training, declared: { gpu_memory: 8 * GiB } }, none)).toEqual([
      "error no-gpu",
      "error memory-short",
    ]);
    expect(codes({ ...training, declared: { gpu_memory: 8 * GiB, elsewhere: true } }, none)).toEqual([
      "error memory-short",
    ]);
    expect(codes({ ...training, declared: { memory: 1 * GiB } }, withGpu(40 * GiB))).toEqual(["error memory-short"]);
    expect(resourceChecks(training, none)).toMatchObject([{ code: "no-gpu", elsewhere: true }]);
  });

  it("causes no warning if the step can reduce its batch size", () => {
    expect(codes({ ...training, adapts: true }, withGpu(12 * GiB))).toEqual([]);
    expect(codes({ ...training, adapts: true }, withGpu(8 * GiB))).toEqual(["error memory-short"]);
  });

  it("is compared with main memory on the CPU", () => {
    const onCpu: Expected = { ...training, device: "cpu", gpus: 0, memory: [80 * GiB, 90 * GiB] };
    expect(codes(onCpu, none)).toEqual(["error memory-short"]);
  });

  it("is for another machine if its reporter is not installed here", () => {
    const absent = { environment: "torchtune", packages: ["mlflow"] };
    const [problem, ...more] = resourceChecks({ ...training, absent }, withGpu(80 * GiB));
    expect(problem).toMatchObject({ code: "reporter-missing", elsewhere: true });
    expect([problem?.message, more]).toEqual([
      expect.stringContaining("torchtune does not have the package mlflow"),
      [],
    ]);
    expect(codes({ ...training, absent, declared: { elsewhere: true } }, withGpu(80 * GiB))).toEqual([]);
  });

  it("has the error and help of a backend that does not support it", () => {
    const unsupported = {
      code: "backend-unsupported",
      message: "torchtune cannot train lora in fp16",
      help: "use backend: axolotl",
    };
    expect(resourceChecks({ ...training, unsupported }, withGpu(80 * GiB))).toMatchObject([unsupported]);
  });
});
