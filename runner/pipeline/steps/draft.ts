import type { Draft, Needs } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";

/** Needs of a step that runs in this process. It needs no reserved core, so that it does not wait for a training. */
const inProcess: Needs = { cores: 0, gpus: 0, memory: 0 };

/** A draft with defaults for everything optional. Undefined parameters are removed. */
export function draft(
  given: Pick<Draft, "id" | "kind"> & { readonly params: Readonly<Record<string, Json | undefined>> } & Partial<
      Omit<Draft, "id" | "kind" | "params">
    >,
): Draft {
  const params: Record<string, Json> = {};
  for (const [name, value] of Object.entries(given.params)) if (value !== undefined) params[name] = value;
  return { sources: {}, inputs: {}, localPaths: {}, hints: {}, after: [], needs: inProcess, ...given, params };
}
