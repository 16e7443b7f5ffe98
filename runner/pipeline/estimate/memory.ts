import type { Checkpointing } from "../../plugins/backends/backend.ts";
import type { Device, Precision } from "../../plugins/backends/device.ts";
import type { Method } from "../../plugins/backends/methods.ts";
import {
  embeddings,
  keyValueWidth,
  mlpWidth,
  parameters,
  projections,
  type Shape,
  storedBytes,
} from "../../plugins/model-shape.ts";
import { exactly, type Range, sum, times } from "./range.ts";

/** The properties of a training that its memory and time depend on. */
export type TrainingLoad = {
  readonly device: Device;
  readonly method: Method;
  readonly precision: Precision;
  readonly rank: number;
  /** Projections that have an adapter. */
  readonly targets: readonly string[] | "all-linear";
  /** Number of blocks with an adapter, counted from the output; undefined for all. */
  readonly layers?: number | undefined;
  /** Rows of a forward pass: the fewest and the most. */
  readonly batch: Range;
  /** Tokens of the longest rows, prompt and answer together. */
  readonly length: Range;
  /** When activations are recomputed in the backward pass, layer by layer. Undefined: never. */
  readonly checkpointing: Checkpointing | undefined;
  /** Whether the logits of every token are in memory at once. False: only those of the answers, in chunks. */
  readonly allLogits: boolean;
  /** Bytes for each value of the largest 4-bit matrix while it is converted for a product. */
  readonly conversion: Range;
};

/** The properties of a generation that its memory depends on. */
export type GenerationLoad = {
  readonly device: Device;
  readonly precision: Precision | "4bit";
  /** Cases that are answered at once: the fewest and the most. */
  readonly batch: Range;
  /** Maximum number of prompt tokens in one prefill pass. */
  readonly prefillTokens: number;
  /** Tokens of a prompt. */
  readonly prompt: Range;
  readonly newTokens: number;
};

/** Bytes of memory of the device, and of the host. Both are the same on a CPU. */
export type Memory = { readonly device: Range; readonly host: Range };

const MB = 1e6;
const bytesOf: Readonly<Record<Precision, number>> = { bf16: 2, fp16: 2, fp32: 4 };
/** Bytes of a 4-bit value with its share of the block's scale, which may be quantised too. */
const fourBit: Range = [0.516, 0.5625];
/** Bytes of main memory for Python with torch and its libraries. */
const program: Range = [350 * MB, 950 * MB];
/** Bytes of GPU memory for CUDA's context and kernels. */
const context: Range = [300 * MB, 900 * MB];
/** Memory that the allocator reserves, as a multiple of the requested memory. */
const slack: Range = [1, 1.15];

/** Peak memory of a training. docs/explanation/estimates.md derives each term. */
export function trainingMemory(shape: Shape, load: TrainingLoad): Memory {
  const size = bytesOf[load.precision];
  const weights = trainedWeights(shape, load);
  // Rows of a batch may have a common start, which a trainer can store once.
  const tokens: Range = [load.length[0] * (1 + (load.batch[0] - 1) / 2), load.length[1] * load.batch[1]];
  const work = sum(
    adapterState(shape, load),
    times(tokens, activationBytes(shape, load, size)),
    times(tokens, logitBytes(shape, load)),
  );
  const needed = times(sum(weights, work), slack);
  if (load.device === "cpu") {
    const all = sum(needed, program);
    return { device: all, host: all };
  }
  const read = Math.max(size, storedBytes(shape)) * parameters(shape);
  return { device: sum(needed, context), host: sum([0.3 * read, 1.1 * read], program) };
}

/** Bytes of the weights, and for full fine-tuning of their gradients and the optimiser's two moments. */
function trainedWeights(shape: Shape, { method, precision, device, conversion }: TrainingLoad): Range {
  const all = parameters(shape);
  const size = bytesOf[precision];
  const { vocab_size: vocabulary, hidden_size: hidden, intermediate_size: inner } = shape;
  // Weights, gradients and moments are fp32 for every precision. The gradient of the embeddings is added up in fp32.
  if (method === "full") return sum(exactly(16 * all), times(exactly(vocabulary * hidden), [4, 12]));
  if (method.startsWith("q")) {
    const stored = sum(times(exactly(all - embeddings(shape)), fourBit), exactly(embeddings(shape) * size));
    return sum(stored, times(exactly(hidden * inner), conversion));
  }
  // On a CPU, the stored weights may be in memory together with the converted ones.
  const both = device === "cpu" && storedBytes(shape) !== size ? storedBytes(shape) + size : size;
  return [all * size, all * both];
}

/** Bytes of the adapter in fp32 with gradients and two moments, and of a copy of the best adapter. */
function adapterState(shape: Shape, load: TrainingLoad): Range {
  return load.method === "full" ? [0, 0] : times(exactly(adapterParameters(shape, load)), [14, 20]);
}

/** Number of trained parameters of an adapter. */
export function adapterParameters(
  shape: Shape,
  { method, rank, targets, layers }: Pick<TrainingLoad, "method" | "rank" | "targets" | "layers">,
): number {
  const dora = method === "dora" || method === "qdora";
  const widths = Object.entries(projections(shape)).filter(
    ([name]) => targets === "all-linear" || targets.includes(name),
  );
  const one = widths.reduce((all, [, [from, to]]) => all + rank * (from + to) + (dora ? to : 0), 0);
  return one * Math.min(layers ?? shape.num_hidden_layers, shape.num_hidden_layers);
}

/** Bytes of one token's activations: of every layer, or with checkpointing of one layer and the inputs of the others. */
function activationBytes(shape: Shape, load: TrainingLoad, size: number): Range {
  const { hidden_size: hidden, num_hidden_layers: blocks } = shape;
  const inner = mlpWidth(shape);
  const attention = (projections(shape).q_proj?.[1] ?? hidden) + 2 * keyValueWidth(shape);
  const dora = load.method === "dora" || load.method === "qdora";
  const full = load.method === "full" ? 1.2 : 1;
  // Norms and residuals; queries, keys, values and the attention's output; gate, up and their product. Dropout and DoRA keep copies.
  const values = 12 * hidden + 4 * attention + 7 * inner;
  const most = values * (dora ? 1.6 : 1) * full * Math.max(size, 3);
  const least = 0.5 * blocks * (4 * hidden + 2 * attention + 3 * inner) * size;
  const recomputed = blocks * hidden * size + 0.75 * values * size;
  if (load.checkpointing === "always") return [recomputed, blocks * hidden * size * 1.5 + most + 8 * hidden * 4];
  return [load.checkpointing === "if-short" ? Math.min(least, recomputed) : least, blocks * most];
}

/** Bytes of one token's logits: 16-bit and fp32 copies with their gradient for every token, or for a chunk of the tokens. */
function logitBytes(shape: Shape, { allLogits }: TrainingLoad): Range {
  return times(exactly(shape.vocab_size), allLogits ? [6, 10] : [0.1, 4]);
}

/** Peak memory of a generation. */
export function generationMemory(shape: Shape, load: GenerationLoad): Memory {
  const size = load.precision === "4bit" ? 2 : bytesOf[load.precision];
  const all = parameters(shape);
  const weights =
    load.precision === "4bit"
      ? sum(times(exactly(all - embeddings(shape)), fourBit), exactly(embeddings(shape) * size))
      : exactly(all * size);
  const cached = 2 * shape.num_hidden_layers * keyValueWidth(shape) * size;
  const whole = sum(load.prompt, [1, load.newTokens]);
  const batch = load.batch;
  // Prefill processes a part of the batch at a time and then copies its keys and values into the cache.
  const most = Math.max(load.prefillTokens, load.prompt[1]);
  const read: Range = [load.prompt[0] * batch[0], Math.min(load.prompt[1] * batch[1], most)];
  const cache = sum(times(times(whole, cached), batch), times(times(read, cached), [0, 2.2]));
  const activations = times(times(read, (4 * shape.hidden_size + 2 * mlpWidth(shape)) * size), [0.5, 1.5]);
  const logits = times(exactly(shape.vocab_size), [4 * batch[0], 10 * batch[1]]);
  const needed = times(sum(weights, cache, activations, logits), slack);
  const stored = storedBytes(shape) * all;
  if (load.device === "cpu") {
    const loading: Range = [needed[0], needed[1] + (storedBytes(shape) !== size ? stored : 0)];
    const peak = sum(loading, program);
    return { device: peak, host: peak };
  }
  return { device: sum(needed, context), host: sum([0.1 * stored, 1.1 * stored], program) };
}

/** Peak memory of a merge. It processes one weight at a time, so only the adapter grows with the model. */
export function mergeMemory(shape: Shape, load: Pick<TrainingLoad, "method" | "rank" | "targets" | "layers">): Range {
  return sum(program, times(exactly(adapterParameters(shape, load)), [4, 8]), [50 * MB, 1_100 * MB]);
}
