import type { Rung } from "../../config/halving.ts";
import type { Experiment } from "../../config/schema.ts";
import type { Device } from "../../plugins/backends/device.ts";
import { capabilityMatrix, unsupportedReason } from "../../plugins/backends/matrix.ts";
import { backends } from "../../plugins/backends/registry.ts";
import { parameters, storedBytes } from "../../plugins/model-shape.ts";
import {
  adapterParameters,
  type GenerationLoad,
  generationMemory,
  type Memory,
  mergeMemory,
  type TrainingLoad,
  trainingMemory,
} from "../estimate/memory.ts";
import type { Range } from "../estimate/range.ts";
import { type Engine, generationSeconds, mergeSeconds, trainingSeconds } from "../estimate/time.ts";
import type { Expected } from "../plan/step.ts";
import { deviceOf, gpusOf } from "./device.ts";
import type { Site } from "./site.ts";

type Train = NonNullable<Experiment["train"]>;

/** Characters of a token: of plain words at most, of numbers and rare names at least. */
const charactersOfToken: Range = [2.8, 5];
/** Tokens that a chat template, and the labels that a prompt may list, add to what is written. */
const framing: Range = [10, 40];
const listedLabels: Range = [20, 800];
/** How much longer than the mean the longest row may be. */
const longest = 2.5;

/** Bytes of "24GB" or "16 GiB". */
export function bytesOf(written: string): number {
  const units: Record<string, number> = { MB: 1e6, GB: 1e9, TB: 1e12, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
  return Number.parseFloat(written) * (units[written.replace(/[0-9. ]/g, "")] as number);
}

/** What a download takes: nothing once every file is here. */
export function expectFetch(experiment: Experiment, site: Site): Expected {
  const { base, revision } = experiment.model;
  const place = site.model(base, revision);
  const shape = site.shape(base, revision);
  if (place.origin !== "hub" || shape === undefined || site.isHere(place.dir)) return none;
  return { ...none, download: parameters(shape) * storedBytes(shape) };
}

/** What a training takes of memory and time, or the part of it that a rung adds, and what it cannot do on this device. */
export function expectTraining(
  experiment: Experiment & { readonly train: object },
  site: Site,
  rung?: Pick<Rung, "from" | "epochs">,
): Expected {
  const train = experiment.train as Train;
  const device = deviceOf(experiment, site);
  const precision = train.precision === "auto" ? site.precision[device] : train.precision;
  const lack = unsupportedReason({ backend: train.backend, method: train.method, precision }, [device]);
  const absent = train.report_to.filter((name) => site.lacksPackage(train.backend, name));
  const common: Expected = {
    ...limits(experiment, site),
    smaller: smallerTraining(train, device),
    ...(lack === undefined ? {} : { lack: { message: lack.message, help: lack.help } }),
    ...(absent.length === 0 ? {} : { absent: { environment: train.backend, packages: absent } }),
  };
  const shape = site.shape(experiment.model.base, experiment.model.revision);
  const load = shape && trainingLoad(experiment, site);
  if (shape === undefined || load === undefined) return common;
  const rows = site.rows(experiment.data.train.file);
  const mean = meanTokens(experiment, experiment.prompt.template, site);
  const count = Math.min(rows?.count ?? 0, experiment.data.train.limit ?? Number.POSITIVE_INFINITY);
  const kept = count * (1 - (heldOut(experiment) ?? 0));
  const atMost = (train.max_steps ?? Number.POSITIVE_INFINITY) * train.batch_size * train.gradient_accumulation;
  const most = rung === undefined ? train.epochs : rung.epochs - rung.from;
  const epochs: Range = [train.early_stopping === undefined ? most : 1, most];
  const passes: Range = [Math.min(epochs[0] * kept, atMost), Math.min(epochs[1] * kept, atMost)];
  return {
    ...common,
    ...divided(trainingMemory(shape, load), common),
    ...(count > 0
      ? { seconds: trainingSeconds(shape, { ...load, length: mean }, passes, engineOf(experiment, site)) }
      : {}),
  };
}

/** The load of a training; rows are as long as `max_length` allows at most, and at least as their characters suggest. */
function trainingLoad(experiment: Experiment, site: Site): TrainingLoad | undefined {
  const train = experiment.train as Train;
  const device = deviceOf(experiment, site);
  const habits = backends[train.backend]?.habits;
  if (habits === undefined) return undefined;
  const [mean] = meanTokens(experiment, experiment.prompt.template, site);
  return {
    device,
    method: train.method,
    precision: train.precision === "auto" ? site.precision[device] : train.precision,
    rank: train.rank,
    targets: train.targets,
    layers: train.layers === "all" ? undefined : Number(train.layers.slice("last ".length)),
    batch: train.batch_size,
    length: [Math.min(mean, train.max_length), train.max_length],
    checkpointing: habits.checkpointing.includes(device),
    allLogits: habits.allLogits,
  };
}

/** What answering the cases takes. */
export function expectGeneration(experiment: Experiment, template: string, site: Site): Expected {
  const { generate, model, data, evaluate } = experiment;
  const common: Expected = { ...limits(experiment, site), smaller: smallerGeneration(experiment) };
  const shape = site.shape(model.base, model.revision);
  if (shape === undefined || generate.engine !== "transformers") return common;
  const device = deviceOf(experiment, site);
  const precision =
    generate.precision === "32bit" ? "fp32" : generate.precision === "16bit" ? site.precision[device] : "4bit";
  const size = generate.batch_size;
  const batch: Range = size === "auto" ? [1, device === "cpu" ? 32 : 64] : [1, size];
  const prompt = meanTokens(experiment, template, site);
  const long: Range = [prompt[0], longest * prompt[1]];
  const load: GenerationLoad = { device, precision, batch, prompt: long, newTokens: generate.max_new_tokens };
  const part = evaluate.split === "test" ? data.test : undefined;
  const rows = site.rows(part?.file ?? data.train.file);
  const share = part === undefined ? (heldOut(experiment) ?? 1) : 1;
  const count = Math.min(rows?.count ?? 0, part?.limit ?? Number.POSITIVE_INFINITY) * share;
  const votes = generate.vote?.samples ?? 1;
  const seconds = generationSeconds(
    shape,
    { precision, prompt, newTokens: [Math.min(8, generate.max_new_tokens), generate.max_new_tokens] },
    [count * votes, count * votes],
    batch,
    engineOf(experiment, site),
  );
  const adapts = size === "auto";
  const memory = divided(generationMemory(shape, load), common);
  const room = common.declared.gpu_memory ?? site.gpuMemory;
  const most = memory.gpu_memory && adapts && room !== undefined ? Math.min(memory.gpu_memory[1], room) : undefined;
  return {
    ...common,
    ...memory,
    ...(memory.gpu_memory && most ? { gpu_memory: [memory.gpu_memory[0], Math.max(memory.gpu_memory[0], most)] } : {}),
    ...(count > 0 ? { seconds } : {}),
    adapts,
  };
}

/** What a merge takes; it reads and writes the whole model but holds little of it. */
export function expectMerge(experiment: Experiment & { readonly train: object }, site: Site): Expected {
  const train = experiment.train as Train;
  const shape = site.shape(experiment.model.base, experiment.model.revision);
  const common: Expected = { ...limits(experiment, site), device: "cpu", gpus: 0, smaller: [], adapts: true };
  if (shape === undefined) return common;
  const layers = train.layers === "all" ? undefined : Number(train.layers.slice("last ".length));
  return { ...common, memory: mergeMemory(shape, { ...train, layers }), seconds: mergeSeconds(shape) };
}

/** Bytes of disk that an experiment writes: adapters and their checkpoints, whole models, a merged one. */
export function diskOf(experiment: Experiment, site: Site): number {
  const { train, model, upload } = experiment;
  const shape = site.shape(model.base, model.revision);
  if (shape === undefined || train === undefined) return 0;
  const whole = parameters(shape) * storedBytes(shape);
  if (train.method === "full") return whole + train.checkpoint.keep * 3 * whole;
  const layers = train.layers === "all" ? undefined : Number(train.layers.slice("last ".length));
  const adapter = 4 * adapterParameters(shape, { ...train, layers });
  const merged = train.merge || upload?.content === "merged" ? whole : 0;
  return adapter * (1 + 4 * train.checkpoint.keep) + merged;
}

const none: Expected = { device: "cpu", gpus: 0, declared: {}, smaller: [], adapts: false };

function limits(experiment: Experiment, site: Site): Expected {
  const { gpu_memory, memory, executor } = experiment.resources;
  return {
    device: deviceOf(experiment, site),
    gpus: gpusOf(experiment, site),
    declared: {
      ...(gpu_memory === undefined ? {} : { gpu_memory: bytesOf(gpu_memory) }),
      ...(memory === undefined ? {} : { memory: bytesOf(memory) }),
      ...((site.elsewhere ?? executor === "slurm") ? { elsewhere: true } : {}),
    },
    smaller: [],
    adapts: false,
  };
}

/** Device and host memory of an estimate; several GPUs may share the weights. */
function divided({ device, host }: Memory, { device: on, gpus }: Expected): Pick<Expected, "memory" | "gpu_memory"> {
  if (on === "cpu") return { memory: host };
  return { memory: host, gpu_memory: [device[0] / Math.max(1, gpus), device[1]] };
}

function engineOf(experiment: Experiment, site: Site): Engine {
  const gpus = gpusOf(experiment, site);
  return { device: deviceOf(experiment, site), cores: site.cores, gpus, capability: site.capability };
}

/** Tokens of a prompt and its answer: of the mean row, from the characters of the template and of the data file. */
function meanTokens({ data, prompt }: Experiment, template: string, site: Site): Range {
  const row = (site.rows(data.train.file)?.characters ?? 400) * (1 + prompt.examples.count);
  const { characters, listsLabels } = site.template(template);
  const [most, least] = charactersOfToken;
  const labels: Range = listsLabels && prompt.labels !== undefined ? listedLabels : [0, 0];
  return [
    (0.6 * row + 0.7 * characters) / least + framing[0] + labels[0],
    (row + characters) / most + framing[1] + labels[1],
  ];
}

/** What makes a training smaller, in the order in which one would try it. */
function smallerTraining(train: Train, device: Device): readonly string[] {
  const method = ({ lora: "qlora", dora: "qdora", full: "lora" } as const)[train.method as "lora" | "dora" | "full"];
  const able = capabilityMatrix().filter(
    (cell) => cell.method === method && cell.device === device && cell.precisions.length > 0,
  );
  const backend = able.some((cell) => cell.backend === train.backend) ? train.backend : able[0]?.backend;
  const other = backend === train.backend ? "" : ` with train.backend: ${backend}`;
  return [
    ...(train.batch_size > 1 ? ["a smaller train.batch_size with more gradient_accumulation"] : []),
    "a smaller train.max_length",
    ...(backend === undefined ? [] : [`train.method: ${method}${other}`]),
    "a smaller model.base",
  ];
}

function smallerGeneration({ generate }: Experiment): readonly string[] {
  if (generate.engine !== "transformers") return ["a smaller model.base"];
  return [
    ...(generate.batch_size === "auto" || generate.batch_size === 1 ? [] : ["generate.batch_size: auto"]),
    ...(generate.precision === "32bit" ? ["generate.precision: 16bit"] : []),
    ...(generate.precision === "4bit" ? [] : ["generate.precision: 4bit"]),
    "a smaller model.base",
  ];
}

/** The share of the training rows that is kept apart; undefined where validation rows are none of them. */
function heldOut({ data: { validation } }: Experiment): number | undefined {
  return validation?.folds === undefined ? validation?.fraction : 1 / validation.folds;
}
