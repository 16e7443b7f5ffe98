import type { Precision } from "../../plugins/backends/device.ts";
import { weightPrecision } from "../../plugins/engines/engine.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import type { Arm } from "./arms.ts";
import { deviceOf } from "./device.ts";
import { draft } from "./draft.ts";
import { expectGeneration } from "./expected.ts";
import { needsOf } from "./needs.ts";
import { generateStep, type Part } from "./part.ts";
import { templateOf } from "./prompt.ts";
import { scoresLabels } from "./scores.ts";
import { weightsOf } from "./weights.ts";

type Params = { readonly engine: string; readonly scores?: string };

/**
 * Answers every case with the engine that `params.engine` names: with the base weights, or with those that were
 * trained.
 */
export const generate: StepKind<Params> = {
  name: "generate",
  version: 2,
  cached: true,
  outputs: ({ scores }) => (scores === undefined ? ["responses.jsonl"] : ["responses.jsonl", "margins.jsonl"]),
  run: (params, context) => engines.get(params.engine).generateStep.run(params, context),
};

/** The step that answers the evaluated rows, or the validation rows, for one arm. */
export function draftGenerate(experiment: Experiment, arm: Arm, site: Site, part: Part = "eval"): Draft {
  const engine = engines.get(experiment.generate.engine);
  const common = draft({
    id: generateStep(arm, part),
    kind: generate.name,
    ...(engine.recorded !== undefined
      ? { params: { engine: engine.name }, inputs: recordedRows(experiment, part) }
      : engine.runsModel
        ? modelDraft(experiment, arm, site, part)
        : { params: generationParams(experiment, undefined), inputs: promptInputs(experiment, arm, part) }),
  });
  return engine.generateStep.draft(common, { experiment, arm, site });
}

/** The rows that recorded answers belong to. `others` are rows with which they must share no id. */
function recordedRows({ evaluate }: Experiment, part: Part): Draft["inputs"] {
  const evaluated = { step: "data", file: `${evaluate.split}.jsonl` };
  return part === "eval"
    ? { rows: evaluated }
    : { rows: { step: "data", file: "validation.jsonl" }, others: evaluated };
}

function promptInputs(experiment: Experiment, arm: Arm, part: Part): Draft["inputs"] {
  const isFree = (experiment.generate.constrain ?? "none") === "none" && !scoresLabels(experiment);
  return {
    prompts: { step: stepOfArm("prompt", arm), file: `${part}.jsonl` },
    ...(isFree ? {} : { answers: { step: "data", file: "answers.json" } }),
  };
}

/** The keys of `generate` that may change the answers; `native` is the precision that the device computes in. */
function generationParams(experiment: Experiment, native: Precision | undefined): Record<string, Json> {
  const { generate, prompt } = experiment;
  const { precision, seed, vote, scores: _scores, decision: _decision, ...rest } = generate;
  const weights = native === undefined ? undefined : weightPrecision(precision, native);
  return {
    ...(rest as unknown as Record<string, Json>),
    ...(weights === undefined ? {} : { precision: weights }),
    ...(weights === "4bit" ? { compute: native as Precision } : {}),
    ...((rest.temperature ?? 0) > 0 && seed !== undefined ? { seed } : {}),
    ...(vote === undefined ? {} : { samples: vote.samples }),
    ...(scoresLabels(experiment) ? { scores: "labels" } : {}),
    thinking: prompt.thinking,
  };
}

/** What an engine that loads the model on this machine gets. */
function modelDraft(experiment: Experiment, arm: Arm, site: Site, part: Part) {
  const { evaluate, model } = experiment;
  const scored: Experiment = part === "eval" ? experiment : { ...experiment, evaluate: { ...evaluate, split: part } };
  const expects = expectGeneration(scored, { template: templateOf(experiment, arm), isAdapted: arm === "tuned" }, site);
  return {
    params: generationParams(experiment, site.precision[deviceOf(experiment, site)]),
    inputs: {
      model: { step: "fetch", file: "model.json" },
      ...promptInputs(experiment, arm, part),
      ...weightsOf(experiment, arm),
    },
    localPaths: { model: site.model(model.base, model.revision).dir },
    after: ["preflight"],
    needs: needsOf(experiment, site, expects),
    expects,
  };
}
