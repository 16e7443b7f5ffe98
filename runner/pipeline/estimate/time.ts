import type { Device, Precision } from "../../plugins/backends/device.ts";
import { embeddings, parameters, type Shape, storedBytes } from "../../plugins/model-shape.ts";
import type { TrainingLoad } from "./memory.ts";
import { exactly, type Range, sum, times } from "./range.ts";

/** What computes: the cores of a CPU, or GPUs of a compute capability ("8.0"; undefined while it is not known). */
export type Engine = {
  readonly device: Device;
  readonly cores: number;
  readonly gpus: number;
  readonly capability?: string | undefined;
};

const tera = 1e12;
/** Floating-point operations a second that training reaches, by compute capability: a share of the 16-bit peak. */
const gpuSpeed: Readonly<Record<string, Range>> = {
  "7.0": [12 * tera, 60 * tera],
  "7.5": [6 * tera, 30 * tera],
  "8.0": [40 * tera, 170 * tera],
  "8.6": [15 * tera, 75 * tera],
  "8.9": [20 * tera, 120 * tera],
  "9.0": [80 * tera, 450 * tera],
};
const unknownGpu: Range = [10 * tera, 300 * tera];
/** Operations a second of one core of a CPU, fp32, busy machine to idle. */
const coreSpeed: Range = [0.02 * tera, 0.15 * tera];
/** Bytes a second that are read while one token after the other is generated. */
const bandwidth: Readonly<Record<Device, Range>> = { cpu: [3e9, 25e9], cuda: [150e9, 2_000e9] };
/** Seconds to start Python, import torch and load a model into it. */
const start: Range = [4, 60];

/** Seconds of a training over so many rows an epoch; `rows` and lengths as far as they are known. */
export function trainingSeconds(
  shape: Shape,
  load: Pick<TrainingLoad, "method" | "precision" | "length" | "checkpointing">,
  passes: Range,
  engine: Engine,
): Range {
  const dora = load.method === "dora" || load.method === "qdora" ? ([1.1, 2.4] as const) : ([1, 1] as const);
  const fourBit = load.method.startsWith("q") ? ([1.1, 1.8] as const) : ([1, 1] as const);
  // Forward, the gradient of activations, that of weights, and the forward once more.
  const each = (load.method === "full" ? 6 : 4) + (load.checkpointing ? 2 : 0);
  const operations = times(times(load.length, passes), each * matrices(shape));
  return sum(over(times(times(operations, dora), fourBit), speed(engine, load.precision)), start);
}

/** Seconds to answer so many cases. */
export function generationSeconds(
  shape: Shape,
  load: { readonly precision: Precision | "4bit"; readonly prompt: Range; readonly newTokens: Range },
  cases: Range,
  batch: Range,
  engine: Engine,
): Range {
  const reading = over(times(times(load.prompt, cases), 2 * matrices(shape)), speed(engine, load.precision));
  const size = load.precision === "4bit" ? 0.6 : load.precision === "fp32" ? 4 : 2;
  const steps: Range = [(load.newTokens[0] * cases[0]) / batch[1], (load.newTokens[1] * cases[1]) / batch[0]];
  const writing = over(times(steps, size * parameters(shape)), bandwidth[engine.device]);
  return sum(reading, writing, start);
}

/** Seconds of a merge: every weight read, computed and written, then read twice for the comparison. */
export function mergeSeconds(shape: Shape): Range {
  return sum(over(exactly(4 * storedBytes(shape) * parameters(shape)), [60e6, 1_200e6]), start);
}

/** Values that every token is multiplied with; input embeddings are looked up. */
function matrices(shape: Shape): number {
  return parameters(shape) - (shape.tie_word_embeddings ? 0 : embeddings(shape) / 2);
}

function speed({ device, cores, gpus, capability }: Engine, precision: Precision | "4bit"): Range {
  if (device === "cpu") return times(coreSpeed, [1, cores]);
  const known = gpuSpeed[capability ?? ""] ?? unknownGpu;
  return times(known, [precision === "fp32" ? 0.2 : 1, Math.max(1, gpus)]);
}

/** An amount over a rate: least by the fastest. */
function over(amount: Range, rate: Range): Range {
  return [amount[0] / rate[1], amount[1] / rate[0]];
}
