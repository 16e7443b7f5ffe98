import keys from "../../../../recipes/axolotl/keys.json" with { type: "json" };
import reserved from "../../../../recipes/axolotl/reserved_keys.json" with { type: "json" };
import type { Environment } from "../../environment.ts";
import { notTextDecoder } from "../../model-shape.ts";
import { pythonStep } from "../../step-work.ts";
import type { Backend } from "../backend.ts";
import { checkpointMetrics } from "../methods.ts";
import { trainProperties } from "../train-schema.ts";

const environment: Environment = {
  name: "axolotl",
  modules: ["torch", "axolotl", "transformers", "peft", "datasets"],
  dev: "dev-axolotl.lock",
  packages: ["torch", "axolotl", "transformers", "peft", "bitsandbytes"],
};

/** Whether an experiment key sets a key of axolotl, or a section that contains it: "optim_args" covers "optim_args.eps". */
function isReserved(key: string): boolean {
  if (Object.hasOwn(reserved, key)) return true;
  const dot = key.lastIndexOf(".");
  return dot > 0 && isReserved(key.slice(0, dot));
}

/** axolotl 0.19.0: every method on CPU and GPU, fp16 on GPUs without bf16, and several GPUs by distributed data parallelism. */
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
  supports: notTextDecoder,
  estimate: { checkpointing: ["cuda"], allLogits: true },
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
    reporters: ["tensorboard", "wandb", "mlflow"],
    oneProcessOnCpu: true,
    schedules: ["cosine", "linear", "constant"],
    best: checkpointMetrics,
    earlyStopping: true,
    samples: true,
    pauses: true,
    overrides: keys.filter((key) => !isReserved(key)),
    reserved,
  },
};
