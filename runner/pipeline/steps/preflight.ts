import { weightPrecision } from "../../plugins/engines/engine.ts";
import { engines } from "../../plugins/engines/registry.ts";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Expected, StepKind } from "../../plugins/step.ts";
import { inPython } from "../../plugins/step-work.ts";
import type { Json } from "../../util/canonical.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Arm, subjectOf } from "./arms.ts";
import { deviceOf } from "./device.ts";
import { draft } from "./draft.ts";
import { diskOf, expectGeneration, expectTraining } from "./expected.ts";
import { templateOf } from "./prompt.ts";

const program = () => ({ module: "recipes.steps.preflight", environment: defaultEnvironment() });

/**
 * Checks tokens, model and machine before a training or a generation starts: chat template, mask, lengths, memory,
 * disk.
 */
export const preflight: StepKind = {
  name: "preflight",
  version: 1,
  cached: false,
  currentFor: 3_600_000,
  coversHints: asksNoMore,
  outputs: () => ["preflight.json"],
  run: async (_params, context) => {
    const publishes = context.hint("upload") !== undefined;
    return context.python({ ...program(), ...(publishes ? { network: true, secrets: ["HF_TOKEN"] } : {}) });
  },
};

/**
 * Whether hints are equal but for sizes that are not larger. A span of a size is as large as its upper end. Estimates
 * become narrower with each measured training.
 */
export function asksNoMore(before: Json, now: Json): boolean {
  if (typeof before === "number" && typeof now === "number") return now <= before;
  if (typeof before !== "object" || typeof now !== "object" || before === null || now === null) return before === now;
  if (Array.isArray(before) && Array.isArray(now)) return asksNoMore(before.at(-1) ?? null, now.at(-1) ?? null);
  const [earlier, later] = [before as Record<string, Json>, now as Record<string, Json>];
  const names = Object.keys({ ...earlier, ...later });
  return names.every((name) => asksNoMore(earlier[name] ?? null, later[name] ?? null));
}

/** The check before training and generation of the arm that the experiment is about. */
export function draftPreflight(experiment: Experiment, site: Site) {
  const { train, prompt, generate } = experiment;
  const arm = subjectOf(experiment);
  const device = deviceOf(experiment, site);
  const paddingCheck = engines.get(generate.engine).loads?.paddingCheck;
  const common = draft({
    id: "preflight",
    kind: preflight.name,
    params: {
      thinking: prompt.thinking,
      max_new_tokens: generate.max_new_tokens ?? null,
      max_length: train?.max_length ?? null,
      // Steps with equal params are one step, with the hints of the first. Memory and precision, which the hints state,
      // depend mainly on these keys.
      method: train?.method ?? null,
      batch_size: train?.batch_size ?? null,
      precision: [train?.precision ?? null, generate.precision ?? null],
      padding_check: paddingCheck ?? null,
      targets: train === undefined || train.method === "full" ? null : train.targets,
    },
    sources: paddingCheck === undefined ? {} : site.recipe(paddingCheck),
    hints: {
      ...machineHints(experiment, arm, site),
      ...uploadHint(experiment, site),
    },
    inputs: {
      model: { step: "fetch", file: "model.json" },
      eval: { step: stepOfArm("prompt", arm), file: "eval.jsonl" },
      ...(train ? { train: { step: stepOfArm("prompt", arm), file: "train.jsonl" } } : {}),
    },
    localPaths: { model: site.model(experiment.model.base, experiment.model.revision).dir },
    // One GPU, so that the rules see the memory that training and generation will have.
    needs: { cores: 1, gpus: device === "cuda" && !site.tokensOnly ? 1 : 0, memory: 0 },
  });
  return inPython(common, program(), site);
}

/** What the rules about the machine compare: precisions, memory and disk of training and generation. */
function machineHints(experiment: Experiment, arm: Arm, site: Site): Record<string, Json> {
  const { train, generate } = experiment;
  const native = site.precision[deviceOf(experiment, site)];
  const precisions: Record<string, string> = {};
  const expects: Record<string, Json> = {};
  if (train !== undefined) {
    precisions.train = train.precision === "auto" ? native : train.precision;
    expects.train = sizes(expectTraining(experiment as typeof experiment & { train: object }, site));
  }
  if (generate.precision !== undefined) {
    const weights = weightPrecision(generate.precision, native);
    precisions.generate = weights === "4bit" ? native : weights;
  }
  expects.generate = sizes(
    expectGeneration(experiment, { template: templateOf(experiment, arm), isAdapted: arm === "tuned" }, site),
  );
  return { tokens_only: site.tokensOnly, precisions, expects, disk: diskOf(experiment, site) };
}

/** What preflight checks of the upload at the end of the run. The results do not depend on it. */
function uploadHint({ upload }: Experiment, site: Site): Record<string, Json> {
  if (upload === undefined || !site.uploads) return {};
  return { upload: { repo: upload.repo, base_license: upload.base_license ?? null } };
}

function sizes({ memory, gpu_memory }: Expected): Json {
  return { memory: memory ?? null, gpu_memory: gpu_memory ?? null };
}
