import keys from "../../../../recipes/axolotl/keys.json" with { type: "json" };
import modelTypes from "../../../../recipes/axolotl/model_types.json" with { type: "json" };
import reserved from "../../../../recipes/axolotl/reserved_keys.json" with { type: "json" };
import textDecoders from "../../../../recipes/axolotl/text_decoders.json" with { type: "json" };
import type { Environment } from "../../environment.ts";
import { isMixture, type ModelConfig, readsMoreThanText, textConfig, unknownType } from "../../model-shape.ts";
import { pythonStep } from "../../step-work.ts";
import type { Backend, TrainingRequest, UnsupportedPart } from "../backend.ts";
import { checkpointMetrics } from "../methods.ts";
import { absentTargets } from "../targets.ts";
import { trainProperties } from "../train-schema.ts";

const environment: Environment = {
  name: "axolotl",
  modules: ["torch", "axolotl", "transformers", "peft", "datasets"],
  dev: "dev-axolotl.lock",
  packages: ["torch", "axolotl", "transformers", "peft", "bitsandbytes"],
};

/**
 * Whether an experiment key sets a key of axolotl, or a section that contains it: "optim_args" covers "optim_args.eps".
 */
function isReserved(key: string): boolean {
  if (Object.hasOwn(reserved, key)) return true;
  const dot = key.lastIndexOf(".");
  return dot > 0 && isReserved(key.slice(0, dot));
}

/**
 * axolotl 0.19.0: every method on CPU and GPU, fp16 on GPUs without bf16, and several GPUs by distributed data
 * parallelism.
 */
export const axolotl: Backend = {
  name: "axolotl",
  environment,
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["backend"],
    properties: {
      backend: { type: "string", const: "axolotl", description: "Train with axolotl 0.19.0: `exp setup axolotl`." },
      ...trainProperties,
    },
  },
  trainStep: pythonStep({ module: "recipes.axolotl.train", environment: environment.name }),
  supports: unsupportedModel,
  estimate: { checkpointing: { cuda: "always" }, allLogits: true, conversion: [2, 6] },
  citation: {
    key: "axolotl",
    bibtex:
      "@misc{axolotl, title={Axolotl: open source {LLM} post-training}, author={{Axolotl maintainers and contributors}}, year={2023}}",
  },
  needsTrust: ["overrides"],
  capabilities: {
    methods: {
      lora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      dora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      qlora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      qdora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] },
      full: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
    },
    reporters: ["tensorboard", "wandb", "mlflow", "trackio"],
    oneProcessOnCpu: true,
    schedules: ["cosine", "linear", "constant"],
    best: checkpointMetrics,
    averages: true,
    earlyStopping: true,
    samples: true,
    embeddingNoise: true,
    pauses: true,
    overrides: keys.filter((key) => !isReserved(key)),
    reserved,
  },
};

/** The checks of recipes/axolotl that exclude whole families. */
function unsupportedModel(model: ModelConfig, training?: TrainingRequest): string | UnsupportedPart | undefined {
  const type = model.model_type ?? "unknown";
  if (readsMoreThanText(model) && !textDecoders.includes(type)) {
    return `a model of type ${type}, which reads more than text`;
  }
  if (textConfig(model) === undefined) {
    return `a model of type ${type} that is not a text decoder: its config.json has no num_hidden_layers`;
  }
  if (isMixture(model) && training !== undefined && training.method !== "full" && training.targets === "all-linear") {
    return {
      model: `all linear layers of a mixture of experts (${type}): its experts are no linear layers`,
      key: "train.targets",
      help: "train.targets: [q_proj, k_proj, v_proj, o_proj]",
    };
  }
  if (model.quantization_config !== undefined) return `a ${type} model with quantised weights`;
  return unknownType(model, modelTypes) ?? absentTargets(model, training);
}
