import { Registry } from "../registry.ts";
import type { Executor } from "./executor.ts";

/** The executors that `resources.executor` and `--executor` can name. The first one is the default. */
export const executors = new Registry<Executor>("executor");

/** The first executor that runs steps in the process of `exp run`. */
export function inProcess(): Executor {
  const found = [...executors].find(({ jobSystem }) => jobSystem === undefined);
  if (found === undefined) throw new Error("no executor runs steps in this process");
  return found;
}

/** An experiment's keys for one executor: `resources.<name>`. */
export function settingsOf(resources: object, { name }: Executor): Readonly<Record<string, unknown>> {
  return (resources as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>)[name] ?? {};
}

/** Nodes that train together, and the key that sets them; undefined if it is one node by default. */
export function nodesIn(resources: object): { readonly nodes: number; readonly key: string | undefined } {
  for (const executor of executors) {
    const { nodes } = settingsOf(resources, executor);
    if (typeof nodes === "number" && nodes > 1) return { nodes, key: `${executor.name}.nodes` };
  }
  return { nodes: 1, key: undefined };
}
