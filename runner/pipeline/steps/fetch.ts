import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { configOf } from "../../plugins/model-shape.ts";
import type { Site } from "../../plugins/site.ts";
import type { StepKind } from "../../plugins/step.ts";
import { readStart } from "../../util/regular-file.ts";
import { readResult } from "../result-files.ts";
import { draft } from "./draft.ts";
import { expectFetch } from "./expected.ts";
import { checkModel, joinUses, modelHint } from "./model-check.ts";
import { oneCore } from "./needs.ts";

const module = "recipes.steps.fetch";
/** Downloads config.json alone. */
const configModule = "recipes.steps.fetch_config";

/** Bytes of the longest config.json that is read. */
const configLimit = 4 * 1024 * 1024;

type Params = { readonly base: string; readonly revision: string | null; readonly origin: string };

/**
 * Downloads the base model's files if they are missing and lists them in model.json. The weights are not copied, and
 * they are downloaded after the check that backend and engine support the model.
 */
export const fetch: StepKind<Params> = {
  name: "fetch",
  version: 1,
  cached: true,
  usesNetwork: true,
  outputs: () => ["model.json"],
  async run({ origin }, context) {
    const download = { environment: defaultEnvironment(), network: true, secrets: ["HF_TOKEN"] };
    const config = join(context.localPath("model"), "config.json");
    if (origin === "hub" && !existsSync(config)) await context.python({ module: configModule, ...download });
    // Without a config.json the download fails and states why.
    const content = existsSync(config) ? configOf(readStart(config, configLimit).toString("utf8")) : undefined;
    if (content !== undefined) checkModel(context.hint("model_uses"), content);
    await context.python({ module, ...download });
  },
  joinHints: joinUses,
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
    sources: { ...site.recipe(module), ...site.recipe(configModule), ...files },
    hints: modelHint(experiment),
    localPaths: { model: dir },
    needs: oneCore,
    expects: expectFetch(experiment, site),
  });
}
