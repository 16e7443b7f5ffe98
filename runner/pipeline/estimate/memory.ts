import type { Device, Precision } from "../../plugins/backends/device.ts";
import type { Method } from "../../plugins/backends/methods.ts";
import {
  embeddings,
  keyValueWidth,
  parameters,
  projections,
  type Shape,
  storedBytes,
} from "../../plugins/model-shape.ts";
import { exactly, type Range, sum, times } from "./range.ts";

/** What a training's memory follows from. Lengths are tokens of a row, prompt and answer. */
export type TrainingLoad = {
  readonly device: Device;
  readonly method: Method;
  readonly precision: Precision;
  readonly rank: number;
  /** Projections with an adapter. */
  readonly targets: readonly string[] | "all-linear";
  /** Blocks with an adapter, from the output; undefined for all. */
  readonly layers?: number | undefined;
  readonly batch: number;
  /** Length of the rows that decide the peak. */
  readonly length: Range;
  /** Activations are computed again in the backward pass, layer by layer. */
  readonly checkpointing: boolean;
  /** Logits of every token are kept at once, not those of the answers alone, in pieces. */
  readonly allLogits: boolean;
};

/** What a generation's memory follows from. */
export type GenerationLoad = {
  readonly device: Device;
  readonly precision: Precision | "4bit";
  /** Cases answered at once: the fewest and the most. */
  readonly batch: Range;
  /** Tokens of a prompt. */
  readonly prompt: Range;
  readonly newTokens: number;
};

/** Memory in bytes: of the device that computes, and of the host beside a GPU (equal on a CPU). */
export type Memory = { readonly device: Range; readonly host: Range };

const MB = 1e6;
const bytesOf: Readonly<Record<Precision, number>> = { bf16: 2, fp16: 2, fp32: 4 };
/** A 4-bit value with its share of the block's scale, itself quantised or not. */
const fourBit: Range = [0.516, 0.5625];
/** Python with torch and its libraries in main memory. */
const program: Range = [350 * MB, 950 * MB];
/** CUDA's context and kernels on the device. */
const context: Range = [300 * MB, 900 * MB];
/** Tokens of a prefill pass, equal to PREFILL_TOKENS in recipes/transformers/prefill.py. */
const readAtOnce: Readonly<Record<Device, number>> = { cpu: 1024, cuda: 16384 };
/** What an allocator holds beyond what is asked of it. */
const slack: Range = [1, 1.15];

/** Bytes that a training takes at its peak. docs/explanation/estimates.md has each term. */
export function trainingMemory(shape: Shape, load: TrainingLoad): Memory {
  const size = bytesOf[load.precision];
  const weights = trainedWeights(shape, load);
  const tokens = times(load.length, load.batch);
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

/** Weights, and for full fine-tuning their gradients and the optimiser's two moments. */
function trainedWeights(shape: Shape, { method, precision, device }: TrainingLoad): Range {
  const all = parameters(shape);
  const size = bytesOf[precision];
  if (method === "full") return times(exactly(all), [4 * size, Math.max(16, 4 * size)]);
  if (method.startsWith("q")) {
    return sum(times(exactly(all - embeddings(shape)), fourBit), exactly(embeddings(shape) * size));
  }
  // On a CPU the files' own bytes may still be in memory beside those that are computed with.
  const both = device === "cpu" && storedBytes(shape) !== size ? storedBytes(shape) + size : size;
  return [all * size, all * both];
}

/** Adapters in fp32 with gradients and two moments; a copy of the best one on top. */
function adapterState(shape: Shape, load: TrainingLoad): Range {
  return load.method === "full" ? [0, 0] : times(exactly(adapterParameters(shape, load)), [14, 20]);
}

/** Trained values of an adapter. */
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

/** Bytes of one token's activations: those of every layer, or with checkpointing one layer's and the others' inputs. */
function activationBytes(shape: Shape, load: TrainingLoad, size: number): Range {
  const { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: blocks } = shape;
  const attention = (projections(shape).q_proj?.[1] ?? hidden) + 2 * keyValueWidth(shape);
  const dora = load.method === "dora" || load.method === "qdora";
  const full = load.method === "full" ? 1.2 : 1;
  // Norms and residuals, queries to the attention's output, gate, up and their product; dropout and DoRA keep copies.
  const least = (4 * hidden + 2 * attention + 3 * inner) * size;
  const most = (12 * hidden + 4 * attention + 7 * inner) * (dora ? 1.6 : 1) * full * Math.max(size, 3);
  if (!load.checkpointing) return [0.5 * blocks * least, blocks * most];
  return [blocks * hidden * size + least, blocks * hidden * size * 1.5 + most + 8 * hidden * 4];
}

/** Bytes of one token's logits: in 16 bit and fp32 with their gradient for every token, or a share of the tokens in pieces. */
function logitBytes(shape: Shape, { allLogits }: TrainingLoad): Range {
  return times(exactly(shape.vocab_size), allLogits ? [6, 10] : [0.1, 4]);
}

/** Bytes that generation takes at its peak. */
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
  // Prompts are read a part of the batch at a time, whose keys and values are then copied to where they stay.
  const most = Math.max(readAtOnce[load.device], load.prompt[1]);
  const read: Range = [load.prompt[0] * batch[0], Math.min(load.prompt[1] * batch[1], most)];
  const cache = sum(times(times(whole, cached), batch), times(times(read, cached), [0, 2.2]));
  const activations = times(times(read, (4 * shape.hidden_size + 2 * shape.intermediate_size) * size), [0.5, 1.5]);
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

/** Bytes that a merge takes: it works on pieces of weights, so only the adapter grows with the model. */
export function mergeMemory(shape: Shape, load: Pick<TrainingLoad, "method" | "rank" | "targets" | "layers">): Range {
  return sum(program, times(exactly(adapterParameters(shape, load)), [4, 8]), [50 * MB, 1_100 * MB]);
}
