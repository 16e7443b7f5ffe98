import type { Experiment } from "../../config/schema.ts";
import type { Json } from "../../util/canonical.ts";
import type { Expected, StepKind } from "../plan/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Arm, subjectOf } from "./arms.ts";
import { deviceOf } from "./device.ts";
import { draft } from "./draft.ts";
import { diskOf, expectGeneration, expectTraining } from "./expected.ts";
import { templateOf } from "./prompt.ts";
import type { Site } from "./site.ts";

const module = "recipes.steps.preflight";
const environment = "torchtune";

/** Looks at tokens, model and machine before any GPU-hour is spent: what is trained, what is masked, what must fit. */
export const preflight: StepKind = {
  name: "preflight",
  version: 1,
  cached: false,
  outputs: () => ["preflight.json"],
  run: async (_params, context) => {
    const publishes = context.hint("upload") !== undefined;
    return context.python({ module, environment, ...(publishes ? { network: true, secrets: ["HF_TOKEN"] } : {}) });
  },
};

/** Guards training and generation of the experiment's own arm. */
export function draftPreflight(experiment: Experiment, site: Site) {
  const { train, prompt, generate } = experiment;
  const arm = subjectOf(experiment);
  const device = deviceOf(experiment, site);
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
      engine: generate.engine,
    },
    hints: { ...machineHints(experiment, arm, site), ...uploadHint(experiment, site) },
    sources: { ...site.recipe(module), "lock of torchtune": site.lock(environment) },
    inputs: {
      model: { step: "fetch", file: "model.json" },
      eval: { step: stepOfArm("prompt", arm), file: "eval.jsonl" },
      ...(train ? { train: { step: stepOfArm("prompt", arm), file: "train.jsonl" } } : {}),
    },
    localPaths: { model: site.model(experiment.model.base, experiment.model.revision).dir },
    // One GPU, so that the rules see what training and generation will have.
    needs: { cores: 1, gpus: device === "cuda" && !site.tokensOnly ? 1 : 0, memory: 0 },
  });
}

/** What the rules about the machine compare: precisions, memory and disk of what is guarded. */
function machineHints(experiment: Experiment, arm: Arm, site: Site): Record<string, Json> {
  const { train, generate } = experiment;
  const native = site.precision[deviceOf(experiment, site)];
  const precisions: Record<string, string> = {};
  const expects: Record<string, Json> = {};
  if (train !== undefined) {
    precisions.train = train.precision === "auto" ? native : train.precision;
    expects.train = sizes(expectTraining({ ...experiment, train }, site));
  }
  if ("precision" in generate) precisions.generate = generate.precision === "32bit" ? "fp32" : native;
  expects.generate = sizes(expectGeneration(experiment, templateOf(experiment, arm), site));
  return { tokens_only: site.tokensOnly, precisions, expects, disk: diskOf(experiment, site) };
}

/** What an upload at the end of the run will need; the run is the same without it. */
function uploadHint({ upload }: Experiment, site: Site): Record<string, Json> {
  if (upload === undefined || !site.uploads) return {};
  return { upload: { repo: upload.repo, base_license: upload.base_license ?? null } };
}

function sizes({ memory, gpu_memory }: Expected): Json {
  return { memory: memory ?? null, gpu_memory: gpu_memory ?? null };
}
