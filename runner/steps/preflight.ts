import type { Experiment } from "../experiment/schema.ts";
import type { StepKind } from "../plan/step.ts";
import { type Arm, modelArms } from "./arms.ts";
import { draft } from "./draft.ts";
import type { Site } from "./site.ts";

const module = "recipes.common.preflight";
const environment = "torchtune";

/** Looks at the tokens before any GPU-hour is spent: what is trained, what is masked, what generation starts from. */
export const preflight: StepKind = {
  name: "preflight",
  version: 1,
  cached: false,
  outputs: () => ["preflight.json"],
  run: async (_params, ports) => ports.python({ module, environment }),
};

/** Guards training and generation of the experiment's own arm. */
export function draftPreflight(experiment: Experiment, site: Site) {
  const { train, prompt, generate } = experiment;
  const arm: Arm = modelArms(experiment).at(-1) as Arm;
  return draft({
    id: "preflight",
    kind: preflight.name,
    params: {
      thinking: prompt.thinking,
      max_new_tokens: "max_new_tokens" in generate ? generate.max_new_tokens : null,
      max_length: train?.max_length ?? null,
      batch_size: train?.batch_size ?? null,
      gradient_accumulation: train?.gradient_accumulation ?? null,
      epochs: train?.epochs ?? null,
      max_steps: train?.max_steps ?? null,
    },
    sources: { ...site.recipe(module), "lock of torchtune": site.lock(environment) },
    reads: {
      model: { step: "fetch", file: "model.json" },
      eval: { step: `prompt.${arm}`, file: "eval.jsonl" },
      ...(train ? { train: { step: `prompt.${arm}`, file: "train.jsonl" } } : {}),
    },
    places: { model: site.model(experiment.model.base, experiment.model.revision).dir },
  });
}
