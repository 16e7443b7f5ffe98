import { engines } from "../../plugins/engines/registry.ts";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import { inPython } from "../../plugins/step-work.ts";
import { bytesOf } from "../../util/size.ts";
import { draft } from "./draft.ts";
import { expectMerge } from "./expected.ts";
import { reservedMemory } from "./needs.ts";
import { loadsMerged } from "./weights.ts";

const program = () => ({ module: "recipes.steps.merge", environment: defaultEnvironment() });

/**
 * Merges an adapter into the weights of its base, on the CPU and one weight at a time, and checks that the logits
 * agree.
 */
export const merge: StepKind = {
  name: "merge",
  version: 1,
  cached: true,
  outputs: () => ["merged/", "merge.json"],
  run: async (_params, context) => context.python(program()),
};

/**
 * Whether something needs the merged model: `train.merge`, the upload or its formats, or an engine that cannot load
 * such an adapter.
 */
export function needsMerge({ train, upload, generate }: Experiment): boolean {
  if (train === undefined || train.method === "full" || !engines.get(generate.engine).runsModel) return false;
  if (upload?.content === "merged" || (upload?.formats ?? []).length > 0) return true;
  return train.merge || loadsMerged({ train, generate });
}

/** The step that merges the experiment's adapter. */
export function draftMerge(experiment: Experiment & { readonly train: object }, site: Site): Draft {
  const { train, model, prompt, resources } = experiment as Experiment & {
    readonly train: NonNullable<Experiment["train"]>;
  };
  const expects = expectMerge(experiment, site);
  const common = draft({
    id: "merge",
    kind: merge.name,
    params: { method: train.method, thinking: prompt.thinking },
    hints: { memory: resources.memory === undefined ? null : bytesOf(resources.memory) },
    inputs: {
      model: { step: "fetch", file: "model.json" },
      adapter: { step: "train", file: "adapter/" },
      prompts: { step: "prompt.tuned", file: "eval.jsonl" },
    },
    localPaths: { model: site.model(model.base, model.revision).dir },
    needs: { cores: site.cores, gpus: 0, memory: reservedMemory(expects) },
    expects,
  });
  return inPython(common, program(), site);
}
