import type { ModelConfig } from "../model-shape.ts";
import type { Unsupported } from "../support.ts";
import { backends } from "./registry.ts";

/** Why a backend cannot train the model of a config.json, with the backends that can; undefined if it can. */
export function unsupportedModel(backend: string, config: ModelConfig): Unsupported | undefined {
  const what = backends.get(backend).supports?.(config);
  if (what === undefined) return undefined;
  const others = [...backends].filter((other) => other.supports?.(config) === undefined);
  const help = [...others.map(({ name }) => `train.backend: ${name}`), "another model.base"].join(", or ");
  return { message: `${backend} cannot train ${what}`, help: `use ${help}` };
}
