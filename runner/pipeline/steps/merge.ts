import type { Experiment } from "../../config/schema.ts";
import type { Draft, StepKind } from "../plan/step.ts";
import { draft } from "./draft.ts";
import { bytesOf, expectMerge } from "./expected.ts";
import { setAside } from "./needs.ts";
import type { Site } from "./site.ts";

const module = "recipes.steps.merge";
const environment = "torchtune";

/** Puts an adapter into its base's weights, on the CPU and piece by piece, and proves that it is still the same model. */
export const merge: StepKind = {
  name: "merge",
  version: 1,
  cached: true,
  outputs: () => ["merged/", "merge.json"],
  run: async (_params, context) => context.python({ module, environment }),
};

/** Whether something needs the merged model: the author, the upload, or an engine that cannot serve such an adapter. */
export function needsMerge({ train, upload, generate }: Experiment): boolean {
  if (train === undefined || train.method === "full" || generate.engine === "replay") return false;
  return train.merge || upload?.content === "merged" || servesMerged({ train, generate });
}

/** vLLM serves LoRA adapters beside their base, but no DoRA. */
export function servesMerged({ train, generate }: Pick<Experiment, "train" | "generate">): boolean {
  return generate.engine === "vllm" && (train?.method === "dora" || train?.method === "qdora");
}

/** The merged model of the experiment's own adapter. */
export function draftMerge(experiment: Experiment & { readonly train: object }, site: Site): Draft {
  const { train, model, prompt, resources } = experiment as Experiment & {
    readonly train: NonNullable<Experiment["train"]>;
  };
  const expects = expectMerge(experiment, site);
  return draft({
    id: "merge",
    kind: merge.name,
    params: { method: train.method, thinking: prompt.thinking },
    hints: { memory: resources.memory === undefined ? null : bytesOf(resources.memory) },
    sources: { ...site.recipe(module), "lock of torchtune": site.lock(environment) },
    inputs: {
      model: { step: "fetch", file: "model.json" },
      adapter: { step: "train", file: "adapter/" },
      prompts: { step: "prompt.tuned", file: "eval.jsonl" },
    },
    localPaths: { model: site.model(model.base, model.revision).dir },
    needs: { cores: site.cores, gpus: 0, memory: setAside(expects) },
    expects,
  });
}
