import type { Rung } from "../../config/halving.ts";
import type { Device } from "../../plugins/backends/device.ts";
import { averagedEpochs } from "../../plugins/backends/keep.ts";
import { unsupportedReason } from "../../plugins/backends/matrix.ts";
import { backends } from "../../plugins/backends/registry.ts";
import { filesOf, hasRows } from "../../plugins/data-part.ts";
import { weightPrecision } from "../../plugins/engines/engine.ts";
import { engines } from "../../plugins/engines/registry.ts";
import { executors } from "../../plugins/executors/registry.ts";
import type { Experiment, Train } from "../../plugins/experiment.ts";
import type { Work } from "../../plugins/measurement.ts";
import { parameters, type Shape, storedBytes } from "../../plugins/model-shape.ts";
import { unsupportedGeneration, unsupportedTraining } from "../../plugins/model-support.ts";
import { machineName, type Site } from "../../plugins/site.ts";
import type { Expected } from "../../plugins/step.ts";
import { bytesOf } from "../../util/size.ts";
import { fromMeasurements } from "../estimate/measured.ts";
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
import { generationSeconds, mergeSeconds, type Processor, trainingSeconds } from "../estimate/time.ts";
import { deviceOf, gpusOf } from "./device.ts";
import { shared } from "./shared-draft.ts";

/** Characters of a token: few for numbers and rare names, many for plain words. */
const charactersOfToken: Range = [2.8, 5];
/** Tokens that a chat template, and a list of labels in the prompt, add to the text. */
const framing: Range = [10, 40];
const listedLabels: Range = [20, 800];
/** Length of the longest row as a multiple of the mean length. */
const longestOverMean = 2.5;

/** Number of the last blocks that get an adapter ("last 10"); undefined for all blocks. */
export function trainedLayers(layers: string): number | undefined {
  return layers === "all" ? undefined : Number(layers.slice("last ".length));
}

/** Bytes to download; 0 if every file is here. */
export function expectFetch(experiment: Experiment, site: Site): Expected {
  const { base, revision } = experiment.model;
  const place = site.model(base, revision);
  const shape = site.shape(base, revision);
  if (place.origin !== "hub" || shape === undefined || site.isHere(place.dir)) return none;
  return { ...none, download: modelBytes(shape) };
}

/** Memory and time of a training, or of the part that a rung adds to it, and what the backend does not support here. */
export function expectTraining(
  experiment: Experiment & { readonly train: object },
  site: Site,
  rung?: Pick<Rung, "from" | "epochs">,
): Expected {
  return shared("expectTraining", experiment, site, (own) => trainingOf(own, site, rung), [rung]);
}

function trainingOf(experiment: Experiment, site: Site, rung: Pick<Rung, "from" | "epochs"> | undefined): Expected {
  const train = experiment.train as Train;
  const device = deviceOf(experiment, site);
  const precision = train.precision === "auto" ? site.precision[device] : train.precision;
  const backend = backends.get(train.backend);
  const { base, revision } = experiment.model;
  const shape = site.shape(base, revision);
  const config = site.config(base, revision);
  const unsupported =
    unsupportedReason({ backend: backend.name, method: train.method, precision }, [device]) ??
    (config && unsupportedTraining(backend.name, config, train));
  const environment = backend.environment?.name;
  const absent = train.report_to.filter((name) => environment !== undefined && site.lacksPackage(environment, name));
  const common: Expected = {
    ...limits(experiment, site),
    smaller: smallerTraining(train, device),
    ...(unsupported === undefined
      ? {}
      : { unsupported: { code: "backend-unsupported", message: unsupported.message, help: unsupported.help } }),
    ...(environment === undefined || absent.length === 0 ? {} : { absent: { environment, packages: absent } }),
  };
  if (shape === undefined) return common;
  const load = trainingLoad(experiment, site);
  const kept = trainingRows(experiment, site) ?? 0;
  const mean = meanTokens(experiment, experiment.prompt.template, site);
  const atMost = (train.max_steps ?? Number.POSITIVE_INFINITY) * train.batch_size * train.gradient_accumulation;
  const most = rung === undefined ? train.epochs : rung.epochs - rung.from;
  const epochs: Range = [train.early_stopping === undefined ? most : 1, most];
  const passes: Range = [Math.min(epochs[0] * kept, atMost), Math.min(epochs[1] * kept, atMost)];
  const estimate = {
    ...common,
    ...divided(trainingMemory(shape, load), common),
    ...(kept > 0
      ? { seconds: trainingSeconds(shape, { ...load, length: mean }, passes, processorOf(experiment, site)) }
      : {}),
  };
  // With early stopping, the number of epochs is not known.
  if (kept === 0 || passes[0] < passes[1]) return estimate;
  return withMeasured(estimate, site, {
    ...{ kind: "train", machine: machineOf(estimate, site), program: backend.name, method: train.method, precision },
    ...{ parameters: parameters(shape), batch: train.batch_size, length: train.max_length },
    characters: Math.round(passes[0] * charactersOf(experiment, experiment.prompt.template, site)),
  });
}

/** Number of rows that a training uses. Undefined if the rows of its file are not known. */
function trainingRows(experiment: Experiment, site: Site): number | undefined {
  const { train, test } = experiment.data;
  const rows = rowsOf(train, site);
  if (rows === undefined) return undefined;
  const count = Math.min(rows.count * (1 - (test?.fraction ?? 0)), train.limit ?? Number.POSITIVE_INFINITY);
  return count * (1 - (heldOut(experiment) ?? 0));
}

/** Files of a part from which its rows are estimated. */
const sampledFiles = 16;

/**
 * Estimated number of rows of a part, and characters of a row. Undefined if one of the files that it reads does not
 * tell.
 */
function rowsOf(part: Parameters<typeof filesOf>[0], site: Site): ReturnType<Site["rows"]> {
  const files = filesOf(part);
  const step = Math.max(1, Math.ceil(files.length / sampledFiles));
  const found = files.filter((_, at) => at % step === 0).map(site.rows);
  const known = found.filter((one) => one !== undefined);
  if (known.length === 0 || known.length < found.length) return undefined;
  const count = known.reduce((sum, one) => sum + one.count, 0);
  const characters = known.reduce((sum, one) => sum + one.count * one.characters, 0) / count;
  return { count: Math.round((count * files.length) / known.length), characters };
}

/** Rows of a forward pass. If all rows are fewer than a step takes, a trainer may spread them over its passes. */
function rowsOfPass(
  { batch_size: size, gradient_accumulation: passes }: Train,
  rows = Number.POSITIVE_INFINITY,
): Range {
  if (rows >= size * passes) return [size, size];
  return [Math.min(size, Math.ceil(rows / passes) || 1), Math.min(size, Math.ceil(rows) || 1)];
}

/** The load of a training. A row has between the tokens that its characters suggest and `max_length` tokens. */
function trainingLoad(experiment: Experiment, site: Site): TrainingLoad {
  const train = experiment.train as Train;
  const device = deviceOf(experiment, site);
  const { checkpointing, allLogits, conversion } = backends.get(train.backend).estimate;
  const [mean] = meanTokens(experiment, experiment.prompt.template, site);
  return {
    device,
    method: train.method,
    precision: train.precision === "auto" ? site.precision[device] : train.precision,
    rank: train.rank,
    targets: train.targets,
    layers: trainedLayers(train.layers),
    batch: rowsOfPass(train, trainingRows(experiment, site)),
    length: [Math.min(mean, train.max_length), train.max_length],
    checkpointing: checkpointing[device],
    allLogits,
    conversion,
  };
}

/** Memory and time of answering the cases, and what the engine does not support here. */
export function expectGeneration(experiment: Experiment, answering: Answering, site: Site): Expected {
  const { template, isAdapted } = answering;
  const name = `expectGeneration ${isAdapted}`;
  return shared(name, experiment, site, (own) => generationOf(own, answering, site), [template]);
}

/** The template of an arm, and whether its model is trained. */
type Answering = { readonly template: string; readonly isAdapted: boolean };

function generationOf(experiment: Experiment, { template, isAdapted }: Answering, site: Site): Expected {
  const { generate, model, data, evaluate } = experiment;
  const device = deviceOf(experiment, site);
  const engine = engines.get(generate.engine);
  const profile = engine.estimate?.(generate, device);
  const declared = limits(experiment, site);
  const config = engine.runsModel ? site.config(model.base, model.revision) : undefined;
  const unsupported = config && unsupportedGeneration(engine.name, config);
  const faster = engine.faster?.(generate, device);
  const common: Expected = {
    ...declared,
    ...(faster === undefined ? {} : { faster }),
    smaller: [...(profile?.smaller ?? []), smallerModel],
    ...(unsupported === undefined
      ? {}
      : { unsupported: { code: "engine-unsupported", message: unsupported.message, help: unsupported.help } }),
  };
  const shape = site.shape(model.base, model.revision);
  if (shape === undefined || profile === undefined) return common;
  const precision = weightPrecision(generate.precision, site.precision[device]);
  const { batch, adapts, prefillTokens } = profile;
  const newTokens = generate.max_new_tokens ?? 0;
  const prompt = meanTokens(experiment, template, site);
  const long: Range = [prompt[0], longestOverMean * prompt[1]];
  const load: GenerationLoad = { device, precision, batch, prompt: long, newTokens, prefillTokens };
  const part = evaluate.split === "test" ? data.test : undefined;
  const rows = rowsOf(part !== undefined && hasRows(part) ? part : data.train, site);
  const { test } = data;
  const isTest = part !== undefined;
  const inFile = (rows?.count ?? 0) * (isTest ? (test?.fraction ?? 1) : 1 - (test?.fraction ?? 0));
  const share = isTest ? 1 : (heldOut(experiment) ?? 1);
  const count = Math.min(inFile, (isTest ? part.limit : data.train.limit) ?? Number.POSITIVE_INFINITY) * share;
  const votes = generate.vote?.samples ?? 1;
  const seconds = generationSeconds(
    shape,
    { precision, prompt, newTokens: [Math.min(8, newTokens), newTokens] },
    [count * votes, count * votes],
    batch,
    processorOf(experiment, site),
  );
  const memory = divided(generationMemory(shape, load), common);
  const available = common.declared.gpu_memory ?? site.gpuMemory;
  const most =
    memory.gpu_memory && adapts && available !== undefined ? Math.min(memory.gpu_memory[1], available) : undefined;
  const estimate: Expected = {
    ...common,
    ...memory,
    ...(memory.gpu_memory && most ? { gpu_memory: [memory.gpu_memory[0], Math.max(memory.gpu_memory[0], most)] } : {}),
    ...(count > 0 ? { seconds } : {}),
    adapts,
  };
  if (count === 0) return estimate;
  return withMeasured(estimate, site, {
    ...{
      kind: "generate",
      machine: machineOf(estimate, site),
      program: engine.name,
      method: isAdapted ? "adapted" : "base",
    },
    ...{ precision, parameters: parameters(shape), batch: batch[1], length: newTokens },
    characters: Math.round(count * votes * charactersOf(experiment, template, site)),
  });
}

/**
 * Time, and memory if it is the same, of the nearest step that ended on this machine. Without one, it says whether the
 * time follows from the measured speed. A step elsewhere has no measurement.
 */
function withMeasured(estimate: Expected, site: Site, work: Work): Expected {
  if (estimate.declared.elsewhere === true) return estimate;
  const found = fromMeasurements(work, site.measurements());
  if (found === undefined) {
    const isComputed = estimate.device === "cpu" && estimate.seconds !== undefined && site.speed() !== undefined;
    return { ...estimate, work, ...(isComputed ? { measured: "the speed of its cores, if they are idle" } : {}) };
  }
  const { seconds, memory, from, isLike, isOnIdleCores } = found;
  const kind = estimate.device === "cpu" ? "memory" : "gpu_memory";
  return {
    ...estimate,
    work,
    seconds,
    ...(memory === undefined ? {} : { [kind]: memory }),
    measured: `${isLike ? "a like step" : "another step"} of ${from.at.slice(0, 10)}${isOnIdleCores ? ", on idle cores" : ""}`,
  };
}

function machineOf({ device, gpus }: Expected, site: Site): string {
  return device === "cpu" ? machineName(site) : `${site.gpuName ?? "GPU"} x ${gpus}`;
}

/** Mean characters of a row with its prompt. */
function charactersOf({ data, prompt }: Experiment, template: string, site: Site): number {
  const row = (rowsOf(data.train, site)?.characters ?? 400) * (1 + prompt.examples.count);
  return row + site.template(template).characters;
}

/** Memory and time of a merge. It reads and writes the whole model but holds only a part of it in memory. */
export function expectMerge(experiment: Experiment & { readonly train: object }, site: Site): Expected {
  const train = experiment.train as Train;
  const shape = site.shape(experiment.model.base, experiment.model.revision);
  const common: Expected = { ...limits(experiment, site), device: "cpu", gpus: 0, smaller: [], adapts: true };
  if (shape === undefined) return common;
  const layers = trainedLayers(train.layers);
  return { ...common, memory: mergeMemory(shape, { ...train, layers }), seconds: mergeSeconds(shape) };
}

/** Bytes of disk that an experiment writes: adapters, their checkpoints, whole models, a merged model. */
export function diskOf(experiment: Experiment, site: Site): number {
  const { train, model, upload } = experiment;
  const shape = site.shape(model.base, model.revision);
  if (shape === undefined || train === undefined) return 0;
  const whole = modelBytes(shape);
  // An exported model is at most as large as the whole one, unless it is f32.
  const exported = (upload?.formats ?? []).length * whole;
  // A file for each averaged epoch, in fp32, and one for the epoch that is written.
  const files = averagedEpochs(train.keep);
  const epochs = files === undefined ? 0 : 4 * (files + 1);
  if (train.method === "full") return whole + train.checkpoint.keep * 3 * whole + epochs * parameters(shape) + exported;
  const { method, rank, targets } = train;
  const layers = trainedLayers(train.layers);
  const trained = adapterParameters(shape, { method, rank, targets, layers });
  const merged = train.merge || upload?.content === "merged" || exported > 0 ? whole : 0;
  return trained * (4 * (1 + 4 * train.checkpoint.keep) + epochs) + merged + exported;
}

function modelBytes(shape: Shape): number {
  return parameters(shape) * storedBytes(shape);
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
      ...((site.elsewhere ?? executors.get(executor).jobSystem !== undefined) ? { elsewhere: true } : {}),
    },
    smaller: [],
    adapts: false,
  };
}

/** Main memory and memory of each GPU of an estimate. Several GPUs may share the weights. */
function divided({ device, host }: Memory, { device: on, gpus }: Expected): Pick<Expected, "memory" | "gpu_memory"> {
  if (on === "cpu") return { memory: host };
  return { memory: host, gpu_memory: [device[0] / Math.max(1, gpus), device[1]] };
}

function processorOf(experiment: Experiment, site: Site): Processor {
  const gpus = gpusOf(experiment, site);
  const device = deviceOf(experiment, site);
  const isElsewhere = site.elsewhere ?? executors.get(experiment.resources.executor).jobSystem !== undefined;
  const core = device === "cpu" && !isElsewhere ? site.speed() : undefined;
  return { device, cores: site.cores, gpus, capability: site.capability, core };
}

/** Mean tokens of a prompt and its answer, from the characters of the template and of the data file. */
function meanTokens({ data, prompt }: Experiment, template: string, site: Site): Range {
  const row = (rowsOf(data.train, site)?.characters ?? 400) * (1 + prompt.examples.count);
  const { characters, listsLabels } = site.template(template);
  const [most, least] = charactersOfToken;
  const labels: Range = listsLabels && prompt.labels !== undefined ? listedLabels : [0, 0];
  const candidates = (prompt.candidates?.top ?? 0) * (1 + prompt.examples.count);
  return [
    (0.6 * row + 0.7 * characters) / least + framing[0] + labels[0] + 2 * candidates,
    (row + characters) / most + framing[1] + labels[1] + 8 * candidates,
  ];
}

/** Settings of a training that need less memory, the one to try first at the start. */
function smallerTraining(train: Train, device: Device): readonly string[] {
  const method = ({ lora: "qlora", dora: "qdora", full: "lora" } as const)[train.method as "lora" | "dora" | "full"];
  const able = [...backends].filter(({ capabilities }) => (capabilities.methods[method]?.[device]?.length ?? 0) > 0);
  const backend = (able.find(({ name }) => name === train.backend) ?? able[0])?.name;
  const other = backend === train.backend ? "" : ` with train.backend: ${backend}`;
  return [
    ...(train.batch_size > 1 ? ["a smaller train.batch_size with more gradient_accumulation"] : []),
    "a smaller train.max_length",
    ...(backend === undefined ? [] : [`train.method: ${method}${other}`]),
    smallerModel,
  ];
}

const smallerModel = "a smaller model.base";

/**
 * The share of the training rows that is held out for validation; undefined if validation rows come from another file.
 */
function heldOut({ data: { validation } }: Experiment): number | undefined {
  return validation?.folds === undefined ? validation?.fraction : 1 / validation.folds;
}
