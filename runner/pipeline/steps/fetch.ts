import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { StepKind } from "../../plugins/step.ts";
import { readResult } from "../result-files.ts";
import { draft } from "./draft.ts";
import { expectFetch } from "./expected.ts";
import { oneCore } from "./needs.ts";

const module = "recipes.steps.fetch";

type Params = { readonly base: string; readonly revision: string | null; readonly origin: string };

/** Downloads the base model's files if they are missing and lists them in model.json. The weights are not copied. */
export const fetch: StepKind<Params> = {
  name: "fetch",
  version: 1,
  cached: true,
  outputs: () => ["model.json"],
  run: async (_params, context) =>
    context.python({ module, environment: defaultEnvironment(), network: true, secrets: ["HF_TOKEN"] }),
  holds({ localPaths }, dir) {
    const { files } = readResult("model.json", dir);
    return Object.entries(files).every(([name, { size }]) => {
      const path = join(localPaths.model as string, name);
      return existsSync(path) && statSync(path).size === size;
    });
  },
};

/**
 * A local folder is identified by the content of its files, so that it may move; any other model by name and commit.
 */
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
