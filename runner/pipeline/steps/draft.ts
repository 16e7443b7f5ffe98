import type { Json } from "../../util/canonical.ts";
import type { Draft, Needs } from "../plan/step.ts";

/** What a step of the runner's own process takes: it must not wait for the cores that a training has. */
const light: Needs = { cores: 0, gpus: 0, memory: 0 };

/** A draft with everything that a step may leave out; undefined parameters are dropped. */
export function draft(
  given: Pick<Draft, "id" | "kind"> & { readonly params: Readonly<Record<string, Json | undefined>> } & Partial<
      Omit<Draft, "id" | "kind" | "params">
    >,
): Draft {
  const params: Record<string, Json> = {};
  for (const [name, value] of Object.entries(given.params)) if (value !== undefined) params[name] = value;
  return { sources: {}, inputs: {}, localPaths: {}, hints: {}, after: [], needs: light, ...given, params };
}
