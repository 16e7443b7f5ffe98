import type { Expected } from "../../plugins/step.ts";

/** What a machine has: bytes of main memory, and of each GPU if the driver reports it. */
export type MachineSize = {
  readonly memory: number;
  readonly gpus: readonly { readonly name: string; readonly memory: number | undefined }[];
};

/**
 * Why a step cannot run, or may fail. `elsewhere`: another machine could run it, so that a plan reports it as a warning
 * and a run refuses it.
 */
export type ResourceProblem = {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly help: string;
  readonly elsewhere: boolean;
};

/** Compares the expected resources of a step with what its experiment declares and with the machine. */
export function resourceChecks(expected: Expected, machine: MachineSize): readonly ResourceProblem[] {
  const { device, gpus, declared, unsupported, absent } = expected;
  const here = declared.elsewhere !== true;
  const found: ResourceProblem[] = [];
  if (unsupported !== undefined) found.push({ ...unsupported, severity: "error", elsewhere: false });
  for (const name of here && absent ? absent.packages : []) {
    found.push({
      severity: "error",
      code: "reporter-missing",
      message: `train.report_to: the environment ${absent?.environment} does not have the package ${name}`,
      help: `install it with that environment's Python (python -m pip install ${name}), or remove it from train.report_to`,
      elsewhere: true,
    });
  }
  if (device === "cuda" && here && machine.gpus.length < gpus) {
    const available = machine.gpus.length === 0 ? "none" : `${machine.gpus.length}`;
    found.push({
      severity: "error",
      code: "no-gpu",
      message: `the step needs ${gpus === 1 ? "a GPU" : `${gpus} GPUs`}, and this machine has ${available}`,
      help: "use a machine with enough GPUs, or write resources.gpus: 0 to compute on the CPU",
      elsewhere: true,
    });
  }
  const checkMemory = (
    what: string,
    needed: Expected["memory"],
    available: number | undefined,
    limit: string,
  ): void => {
    if (needed === undefined || available === undefined) return;
    const [low, high] = needed;
    const isShort = low > available;
    if (!isShort && (high <= available || expected.adapts)) return;
    found.push({
      severity: isShort ? "error" : "warning",
      code: isShort ? "memory-short" : "memory-tight",
      message: `the step needs ${gibibytes(needed)} of ${what}, and ${limit} ${gibibytes([available, available])}`,
      help: expected.smaller.length === 0 ? "use a machine with more memory" : `use ${expected.smaller.join(", or ")}`,
      elsewhere: false,
    });
  };
  if (device === "cuda") {
    const used = machine.gpus.slice(0, Math.max(1, gpus)).map(({ memory }) => memory ?? Number.POSITIVE_INFINITY);
    if (declared.gpu_memory !== undefined) {
      checkMemory("GPU memory", expected.gpu_memory, declared.gpu_memory, "resources.gpu_memory is");
    }
    if (here && used.length > 0) checkMemory("GPU memory", expected.gpu_memory, Math.min(...used), "the GPU has");
  }
  if (declared.memory !== undefined) {
    checkMemory("main memory", expected.memory, declared.memory, "resources.memory is");
  }
  if (here && (device === "cpu" || machine.gpus.length > 0)) {
    checkMemory("main memory", expected.memory, machine.memory, "this machine has");
  }
  const first = found.filter((one, at) => found.findIndex(({ code }) => code === one.code) === at);
  return first.some(({ code }) => code === "memory-short")
    ? first.filter(({ code }) => code !== "memory-tight")
    : first;
}

/** "4.5 to 11.0 GiB", "24.0 GiB" */
function gibibytes([low, high]: readonly [number, number]): string {
  const text = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  return text(low) === text(high) ? `${text(low)} GiB` : `${text(low)} to ${text(high)} GiB`;
}
