import modelTypes from "../../../../recipes/vllm/model_types.json" with { type: "json" };
import type { Environment } from "../../environment.ts";
import { pythonStep } from "../../step-work.ts";
import type { Engine } from "../engine.ts";
import { generationProperties, scoreProperties } from "../generation-schema.ts";

const environment: Environment = {
  name: "vllm",
  modules: ["torch", "vllm", "transformers"],
  dev: "dev-vllm.lock",
  packages: ["torch", "vllm", "transformers"],
};

/** Generation with vLLM, on NVIDIA GPUs and on Linux CPUs. vLLM schedules all cases as one batch. */
export const vllm: Engine = {
  name: "vllm",
  environment,
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["engine"],
    properties: {
      engine: {
        type: "string",
        const: "vllm",
        description: "Generate with vLLM 0.32 on this machine: `exp setup vllm`.",
      },
      precision: {
        type: "string",
        enum: ["16bit", "32bit"],
        default: "16bit",
        description: "Number format of the weights.",
        examples: ["32bit"],
      },
      ...generationProperties,
      ...scoreProperties,
    },
  },
  citation: {
    key: "vllm",
    bibtex:
      "@inproceedings{vllm, title={Efficient Memory Management for Large Language Model Serving with {PagedAttention}}, author={Kwon, Woosuk and Li, Zhuohan and Zhuang, Siyuan and others}, booktitle={Proceedings of the 29th Symposium on Operating Systems Principles}, year={2023}}",
  },
  runsModel: true,
  // vLLM loads LoRA adapters, but no DoRA.
  loads: { adapters: ["lora", "qlora"], fourBit: false },
  // On a GPU vLLM takes most of the free memory. On the CPU, `batch` is CPU_ROWS in recipes/vllm/engine.py, and
  // `prefillTokens` is vLLM's default.
  estimate: (generation, device) =>
    device === "cuda"
      ? undefined
      : {
          batch: [1, 32],
          prefillTokens: 4096,
          adapts: true,
          smaller: generation.precision === "32bit" ? ["generate.precision: 16bit"] : [],
        },
  supports: ({ model_type: type }) =>
    type === undefined || modelTypes.includes(type)
      ? undefined
      : `a model of type ${type}, which it does not implement`,
  generateStep: pythonStep({ module: "recipes.vllm.generate", environment: environment.name }),
};
