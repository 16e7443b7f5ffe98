import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import type { StepKind } from "../plan/step.ts";
import { readResult } from "../result-files.ts";
import { draft } from "./draft.ts";
import { expectFetch } from "./expected.ts";
import { oneCore } from "./needs.ts";
import type { Site } from "./site.ts";

const module = "recipes.steps.fetch";
/** Every environment can fetch; this one is there whenever a model is generated with. */
const environment = "torchtune";

type Params = { readonly base: string; readonly revision: string | null; readonly origin: string };

/** Makes the base model's files be there and writes down what they are; the weights stay where they lie. */
export const fetch: StepKind<Params> = {
  name: "fetch",
  version: 1,
  cached: true,
  outputs: () => ["model.json"],
  run: async (_params, context) => context.python({ module, environment, network: true, secrets: ["HF_TOKEN"] }),
  holds({ localPaths }, dir) {
    const { files } = readResult("model.json", dir);
    return Object.entries(files).every(([name, { size }]) => {
      const path = join(localPaths.model as string, name);
      return existsSync(path) && statSync(path).size === size;
    });
  },
};

/** A local folder is told apart by its content, so that it may move; anything else by name and commit. */
export function draftFetch(experiment: Experiment, site: Site) {
  const { base, revision } = experiment.model;
  const { origin, dir, files } = site.model(base, revision);
  return draft({
    id: "fetch",
    kind: fetch.name,
    params:
      origin === "local" ? { base: "local", revision: null, origin } : { base, revision: revision ?? null, origin },
    sources: { ...site.recipe(module), ...files },
    localPaths: { model: dir },
    needs: oneCore,
    expects: expectFetch(experiment, site),
  });
}
