import type { Expected } from "../plan/step.ts";

/** What a machine has: main memory, and the memory of each GPU where the driver tells. Bytes. */
export type Size = {
  readonly memory: number;
  readonly gpus: readonly { readonly name: string; readonly memory: number | undefined }[];
};

/** Why a step may not, or cannot, run. `elsewhere` where another machine could: a plan warns of it, a run refuses. */
export type Misfit = {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly help: string;
  readonly elsewhere: boolean;
};

/** Compares what a step is expected to take with what its experiment declares and what the machine has. */
export function resourceChecks(expected: Expected, machine: Size): readonly Misfit[] {
  const { device, gpus, declared, unsupported, absent } = expected;
  const here = declared.elsewhere !== true;
  const found: Misfit[] = [];
  if (unsupported !== undefined) found.push({ ...unsupported, severity: "error", elsewhere: false });
  for (const name of here && absent ? absent.packages : []) {
    found.push({
      severity: "error",
      code: "reporter-missing",
      message: `train.report_to names ${name}, and the environment ${absent?.environment} does not have the package ${name}`,
      help: `install it there (python -m pip install ${name}, with that environment's python), or take it out of train.report_to`,
      elsewhere: true,
    });
  }
  if (device === "cuda" && here && machine.gpus.length < gpus) {
    const has = machine.gpus.length === 0 ? "none" : `${machine.gpus.length}`;
    found.push({
      severity: "error",
      code: "no-gpu",
      message: `it needs ${gpus === 1 ? "a GPU" : `${gpus} GPUs`}, and this machine has ${has}`,
      help: "run it on a machine that has, or write resources.gpus: 0 to compute on the CPU",
      elsewhere: true,
    });
  }
  const room = (what: string, needed: Expected["memory"], has: number | undefined, of: string): void => {
    if (needed === undefined || has === undefined) return;
    const [low, high] = needed;
    const isShort = low > has;
    if (!isShort && (high <= has || expected.adapts)) return;
    found.push({
      severity: isShort ? "error" : "warning",
      code: isShort ? "memory-short" : "memory-tight",
      message: `it takes ${gibibytes(needed)} of ${what}, and ${of} ${gibibytes([has, has])}`,
      help: expected.smaller.length === 0 ? "take a larger machine" : `take ${expected.smaller.join(", or ")}`,
      elsewhere: false,
    });
  };
  if (device === "cuda") {
    const smallest = machine.gpus.slice(0, Math.max(1, gpus)).map(({ memory }) => memory ?? Number.POSITIVE_INFINITY);
    if (declared.gpu_memory !== undefined) {
      room("GPU memory", expected.gpu_memory, declared.gpu_memory, "resources.gpu_memory is");
    }
    if (here && smallest.length > 0) room("GPU memory", expected.gpu_memory, Math.min(...smallest), "the GPU has");
  }
  if (declared.memory !== undefined) room("main memory", expected.memory, declared.memory, "resources.memory is");
  if (here && (device === "cpu" || machine.gpus.length > 0)) {
    room("main memory", expected.memory, machine.memory, "this machine has");
  }
  const worst = found.filter((one, at) => found.findIndex(({ code }) => code === one.code) === at);
  return worst.some(({ code }) => code === "memory-short")
    ? worst.filter(({ code }) => code !== "memory-tight")
    : worst;
}

/** "4.5 to 11.0 GiB", "24.0 GiB" */
function gibibytes([low, high]: readonly [number, number]): string {
  const text = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  return text(low) === text(high) ? `${text(low)} GiB` : `${text(low)} to ${text(high)} GiB`;
}
