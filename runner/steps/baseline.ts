import type { Experiment } from "../experiment/schema.ts";
import type { StepKind } from "../plan/step.ts";
import type { Arm } from "./arms.ts";
import { draft } from "./draft.ts";
import type { Site } from "./site.ts";

type Params = { readonly baseline: string };

const environment = "torchtune";

const moduleOf = (baseline: string): string => `recipes.baselines.${baseline}`;

/** A classical model, trained on exactly the rows that the language model was trained on. */
export const baseline: StepKind<Params> = {
  name: "baseline",
  version: 1,
  cached: true,
  outputs: () => ["responses.jsonl"],
  run: async (params, ports) => ports.python({ module: moduleOf(params.baseline), environment }),
};

/** The answers of a classical baseline. */
export function draftBaseline(experiment: Experiment, arm: Arm, site: Site) {
  return draft({
    id: `generate.${arm}`,
    kind: baseline.name,
    params: { baseline: arm, seed: 1, folds: 3 },
    sources: { ...site.recipe(moduleOf(arm)), "lock of torchtune": site.lock(environment) },
    reads: {
      train: { step: "data", file: "train.jsonl" },
      test: { step: "data", file: `${experiment.evaluate.on}.jsonl` },
    },
  });
}
