import { backends } from "./backends/registry.ts";
import { engines } from "./engines/registry.ts";
import type { Environment } from "./environment.ts";
import { formats } from "./formats/registry.ts";

/** Every environment of the registered backends, engines and formats, each once, in the order of the registries. */
export function environments(): readonly Environment[] {
  const all = [...backends, ...engines, ...formats].flatMap(({ environment }) =>
    environment === undefined ? [] : [environment],
  );
  return [...new Map(all.map((environment) => [environment.name, environment])).values()];
}

export function findEnvironment(name: string): Environment | undefined {
  return environments().find((environment) => environment.name === name);
}

/** Name of the environment that core's own Python steps run in. Throws if no registered backend or engine brings one. */
export function defaultEnvironment(): string {
  for (const registry of [backends, engines, formats])
    for (const { environment } of registry) if (environment?.isDefault === true) return environment.name;
  throw new Error("no registered backend or engine brings the default Python environment");
}
