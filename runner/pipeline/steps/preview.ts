import type { Experiment } from "../../config/schema.ts";
import type { Draft, StepKind } from "../plan/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Arm, modelArms } from "./arms.ts";
import { draftData } from "./data.ts";
import { gpusOf } from "./device.ts";
import { draft } from "./draft.ts";
import { draftGenerate } from "./generate.ts";
import { draftPrompt } from "./prompt.ts";
import type { Site } from "./site.ts";

const module = "recipes.steps.preview";
const environment = "torchtune";

/** Shows what a model is shown, in tokens, and asks the base model; with what is on this machine, and without network. */
export const preview: StepKind = {
  name: "preview",
  version: 1,
  cached: false,
  outputs: () => ["preview.json"],
  run: async (_params, context) => context.python({ module, environment }),
};

/** How a preview is asked for. */
export type PreviewOptions = { readonly rows: number; readonly answer: boolean };

/**
 * Everything that a preview takes, by arm. Its rows are training rows: to look at answers to test cases before they are
 * scored would be a look at the test. `withPreview` is false where there is no environment to run it in.
 */
export function draftsOfPreview(
  experiment: Experiment,
  site: Site,
  options: PreviewOptions,
  withPreview: boolean,
): readonly Draft[] {
  return [
    draftData(experiment, site),
    ...modelArms(experiment).flatMap((arm) => {
      const prompts = draftPrompt(experiment, arm);
      const rows = { ...prompts.inputs, eval: { step: "data", file: "train.jsonl" } };
      const { train: _train, validation: _validation, ...inputs } = rows as Record<string, (typeof rows)["eval"]>;
      const shown = { ...prompts, inputs };
      return withPreview ? [shown, draftPreview(experiment, arm, site, options)] : [shown];
    }),
  ];
}

function draftPreview(experiment: Experiment, arm: Arm, site: Site, { rows, answer }: PreviewOptions): Draft {
  const { generate, model, prompt } = experiment;
  const asked = answer && generate.engine === "transformers" ? draftGenerate(experiment, "zero_shot", site) : undefined;
  return draft({
    id: stepOfArm("preview", arm),
    kind: preview.name,
    params: {
      rows,
      base: model.base,
      thinking: prompt.thinking,
      trained: arm === "tuned",
      answer: asked === undefined ? null : { ...(asked.params as Record<string, never>), ...asked.hints },
    },
    sources: { ...site.recipe(module), "lock of torchtune": site.lock(environment) },
    inputs: {
      prompts: { step: stepOfArm("prompt", arm), file: "eval.jsonl" },
      ...(asked?.inputs.answers === undefined ? {} : { answers: asked.inputs.answers }),
    },
    localPaths: { model: site.model(model.base, model.revision).dir },
    needs: { cores: site.cores, gpus: asked === undefined ? 0 : gpusOf(experiment, site), memory: 0 },
  });
}
