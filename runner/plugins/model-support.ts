import type { TrainingRequest, UnsupportedPart } from "./backends/backend.ts";
import { backends } from "./backends/registry.ts";
import { engines } from "./engines/registry.ts";
import type { Generation, Train } from "./experiment.ts";
import type { ModelConfig } from "./model-shape.ts";
import type { Unsupported } from "./support.ts";

/** Why a backend or an engine cannot use a model. */
export type UnsupportedModel = Unsupported & {
  readonly code: "backend-unsupported" | "engine-unsupported";
  /** The key that prevents it, if the model can be used with another value. */
  readonly key?: string | undefined;
};

/** The parts of an experiment that use the model: its training, unless it trains nothing, and the engine. */
export type ModelUse = {
  readonly train?: (TrainingRequest & { readonly backend: string }) | undefined;
  readonly engine: string;
};

/** The parts of an experiment that use the model. */
export function modelUse(train: Train | undefined, { engine }: Generation): ModelUse {
  if (train === undefined) return { engine };
  return { train: { backend: train.backend, method: train.method, targets: train.targets }, engine };
}

/** What cannot use the model of a config.json, with the alternatives; empty if it can be trained and answers. */
export function unsupportedUses(use: ModelUse, config: ModelConfig): readonly UnsupportedModel[] {
  const { train, engine } = use;
  return [train && unsupportedTraining(train.backend, config, train), unsupportedGeneration(engine, config)].filter(
    (each) => each !== undefined,
  );
}

/** Why a backend cannot train a model, with the backends that can; undefined if it can. */
export function unsupportedTraining(
  backend: string,
  config: ModelConfig,
  training?: TrainingRequest,
): UnsupportedModel | undefined {
  const what = backends.get(backend).supports?.(config, training);
  if (what === undefined) return undefined;
  const able = [...backends].filter((other) => other.supports?.(config, training) === undefined);
  const { model, key, help }: Partial<UnsupportedPart> = typeof what === "string" ? { model: what } : what;
  return {
    code: "backend-unsupported",
    message: `${backend} cannot train ${model}`,
    help: helpOf("train.backend", able, help),
    ...(key === undefined ? {} : { key }),
  };
}

/** Why an engine cannot load a model, with the engines that can; undefined if it can. */
export function unsupportedGeneration(engine: string, config: ModelConfig): UnsupportedModel | undefined {
  const what = engines.get(engine).supports?.(config);
  if (what === undefined) return undefined;
  const able = runningModels(engines).filter((other) => other.supports?.(config) === undefined);
  return {
    code: "engine-unsupported",
    message: `${engine} cannot load ${what}`,
    help: helpOf("generate.engine", able),
  };
}

/** The engines that load the model on this machine. The others send text to a server or read recorded answers. */
export function runningModels(all: typeof engines) {
  return [...all].filter(({ runsModel }) => runsModel);
}

function helpOf(key: string, able: readonly { readonly name: string }[], instead?: string): string {
  const choices = [...(instead === undefined ? [] : [instead]), ...able.map(({ name }) => `${key}: ${name}`)];
  return `use ${[...choices, "another model.base"].join(", or ")}`;
}
