import type { Device, Precision } from "../../plugins/backends/device.ts";
import type { CoreSpeed } from "../../plugins/measurement.ts";
import { activeParameters, embeddings, parameters, type Shape, storedBytes } from "../../plugins/model-shape.ts";
import type { TrainingLoad } from "./memory.ts";
import { exactly, type Range, sum, times } from "./range.ts";

/** What computes: the cores of a CPU, or GPUs of a compute capability ("8.0"; undefined if unknown). */
export type Processor = {
  readonly device: Device;
  readonly cores: number;
  readonly gpus: number;
  readonly capability?: string | undefined;
  /** Measured speed of a core of a CPU. */
  readonly core?: CoreSpeed | undefined;
};

const tera = 1e12;
/** Floating-point operations a second in training, by compute capability: a share of the 16-bit peak. */
const gpuSpeed: Readonly<Record<string, Range>> = {
  "7.0": [12 * tera, 60 * tera],
  "7.5": [6 * tera, 30 * tera],
  "8.0": [40 * tera, 170 * tera],
  "8.6": [15 * tera, 75 * tera],
  "8.9": [20 * tera, 120 * tera],
  "9.0": [80 * tera, 450 * tera],
};
const unknownGpu: Range = [10 * tera, 300 * tera];
/** Operations a second of one CPU core in fp32, on a busy machine and on an idle one. */
const coreSpeed: Range = [0.02 * tera, 0.15 * tera];
/** Bytes of weights read a second during generation, token by token. */
const bandwidth: Readonly<Record<Device, Range>> = { cpu: [3e9, 25e9], cuda: [150e9, 2_000e9] };
/** Seconds to start Python, import torch and load a model: on a busy machine, and on idle cores. */
const start: Range = [4, 60];
const idleStart: Range = [3, 20];
/** Shares of the measured speed of all cores that trainings and prompts reach, and of the bandwidth, on idle cores. */
const reached: Range = [0.25, 0.75];
const reachedBandwidth: Range = [0.3, 1.2];

/** Seconds of a training. `passes` is the number of forward passes over one row; `length` is tokens of a row. */
export function trainingSeconds(
  shape: Shape,
  load: Pick<TrainingLoad, "method" | "precision" | "length" | "checkpointing">,
  passes: Range,
  processor: Processor,
): Range {
  const dora = load.method === "dora" || load.method === "qdora" ? ([1.1, 2.4] as const) : ([1, 1] as const);
  const fourBit = load.method.startsWith("q") ? ([1.1, 1.8] as const) : ([1, 1] as const);
  // Forward pass, gradient of activations, gradient of weights, and with checkpointing a second forward pass.
  const each = (load.method === "full" ? 6 : 4) + (load.checkpointing === "always" ? 2 : 0);
  const operations = times(times(load.length, passes), each * matrices(shape));
  return sum(over(times(times(operations, dora), fourBit), speed(processor, load.precision)), startOf(processor));
}

/** Seconds to answer `cases` cases in batches of `batch`. */
export function generationSeconds(
  shape: Shape,
  load: { readonly precision: Precision | "4bit"; readonly prompt: Range; readonly newTokens: Range },
  cases: Range,
  batch: Range,
  processor: Processor,
): Range {
  const reading = over(times(times(load.prompt, cases), 2 * matrices(shape)), speed(processor, load.precision));
  const size = load.precision === "4bit" ? 0.6 : load.precision === "fp32" ? 4 : 2;
  const steps: Range = [(load.newTokens[0] * cases[0]) / batch[1], (load.newTokens[1] * cases[1]) / batch[0]];
  // A batch of several cases uses more experts than one case.
  const weights: Range = [activeParameters(shape), parameters(shape)];
  const { device, core, cores } = processor;
  const rate = core === undefined ? bandwidth[device] : times(reachedBandwidth, core.bandwidth * cores);
  const writing = over(times(times(steps, size), weights), rate);
  return sum(reading, writing, startOf(processor));
}

/** Seconds of a merge: each weight is read, computed and written, then read twice for the comparison. */
export function mergeSeconds(shape: Shape): Range {
  return sum(over(exactly(4 * storedBytes(shape) * parameters(shape)), [60e6, 1_200e6]), start);
}

/** Parameters that each token is multiplied with. Input embeddings are looked up instead. */
function matrices(shape: Shape): number {
  return activeParameters(shape) - (shape.tie_word_embeddings ? 0 : embeddings(shape) / 2);
}

function startOf({ core }: Processor): Range {
  return core === undefined ? start : idleStart;
}

function speed({ device, cores, gpus, capability, core }: Processor, precision: Precision | "4bit"): Range {
  if (device === "cpu" && core !== undefined)
    return times(reached, (precision === "fp32" ? core.fp32 : core.bf16) * cores);
  if (device === "cpu") return times(coreSpeed, [1, cores]);
  const known = gpuSpeed[capability ?? ""] ?? unknownGpu;
  return times(known, [precision === "fp32" ? 0.2 : 1, Math.max(1, gpus)]);
}

/** Amount divided by rate: the low end uses the high rate. */
function over(amount: Range, rate: Range): Range {
  return [amount[0] / rate[1], amount[1] / rate[0]];
}
