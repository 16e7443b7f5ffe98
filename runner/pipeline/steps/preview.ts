import { engines } from "../../plugins/engines/registry.ts";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import { inPython } from "../../plugins/step-work.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Arm, modelArms } from "./arms.ts";
import { candidatesStep, draftCandidates } from "./candidates.ts";
import { draftData } from "./data.ts";
import { gpusOf } from "./device.ts";
import { draft } from "./draft.ts";
import { draftGenerate } from "./generate.ts";
import { draftPrompt } from "./prompt.ts";
import { withoutScores } from "./scores.ts";

const program = () => ({ module: "recipes.steps.preview", environment: defaultEnvironment() });

/** Tokenises prompts and lets the base model answer them, with the files on this machine and without network. */
export const preview: StepKind = {
  name: "preview",
  version: 1,
  cached: false,
  outputs: () => ["preview.json"],
  run: async (_params, context) => context.python(program()),
};

/** Options of a preview: number of rows, and whether the base model answers them. */
export type PreviewOptions = { readonly rows: number; readonly answer: boolean };

/**
 * The steps of a preview, by arm. It shows training rows, because test cases must stay unseen before they are scored.
 * `withPreview` is false if the Python environment is missing; then only prompts are rendered.
 */
export function draftsOfPreview(
  experiment: Experiment,
  site: Site,
  options: PreviewOptions,
  withPreview: boolean,
): readonly Draft[] {
  const candidates = draftCandidates(experiment, site, { crossFit: true });
  return [
    draftData(experiment, site),
    ...(candidates === undefined ? [] : [candidates]),
    ...modelArms(experiment).flatMap((arm) => {
      const prompts = draftPrompt(experiment, arm);
      const hidden = new Set(["train", "validation", "candidates.validation"]);
      const inputs = {
        ...Object.fromEntries(Object.entries(prompts.inputs).filter(([name]) => !hidden.has(name))),
        eval: { step: "data", file: "train.jsonl" },
        ...(candidates === undefined ? {} : { "candidates.eval": { step: candidatesStep, file: "train.jsonl" } }),
      };
      const shown = { ...prompts, inputs };
      return withPreview ? [shown, draftPreview(experiment, arm, site, options)] : [shown];
    }),
  ];
}

function draftPreview(experiment: Experiment, arm: Arm, site: Site, { rows, answer }: PreviewOptions): Draft {
  const { generate, model, prompt } = experiment;
  const module = answer ? engines.get(generate.engine).loads?.previews : undefined;
  const generation = module === undefined ? undefined : draftGenerate(withoutScores(experiment), "zero_shot", site);
  const common = draft({
    id: stepOfArm("preview", arm),
    kind: preview.name,
    params: {
      rows,
      base: model.base,
      thinking: prompt.thinking,
      trained: arm === "tuned",
      answer_module: module ?? null,
      answer:
        generation === undefined ? null : { ...(generation.params as Record<string, never>), ...generation.hints },
    },
    inputs: {
      prompts: { step: stepOfArm("prompt", arm), file: "eval.jsonl" },
      ...(generation?.inputs.answers === undefined ? {} : { answers: generation.inputs.answers }),
    },
    sources: module === undefined ? {} : site.recipe(module),
    localPaths: { model: site.model(model.base, model.revision).dir },
    needs: { cores: site.cores, gpus: generation === undefined ? 0 : gpusOf(experiment, site), memory: 0 },
  });
  return inPython(common, program(), site);
}
