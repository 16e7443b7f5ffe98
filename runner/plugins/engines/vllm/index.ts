import type { Environment } from "../../environment.ts";
import { pythonStep } from "../../step-work.ts";
import type { Engine } from "../engine.ts";
import { generationProperties } from "../generation-schema.ts";

const environment: Environment = {
  name: "vllm",
  modules: ["torch", "vllm", "transformers"],
  only: "cuda",
  packages: ["torch", "vllm", "transformers"],
};

/** Generation with vLLM on an NVIDIA GPU. vLLM schedules all cases as one batch. */
export const vllm: Engine = {
  name: "vllm",
  environment,
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["engine"],
    properties: {
      engine: { type: "string", const: "vllm", description: "Generate with vLLM 0.33 on a GPU: `exp setup vllm`." },
      precision: {
        type: "string",
        enum: ["16bit"],
        default: "16bit",
        description: "Number format of the weights.",
        examples: ["16bit"],
      },
      ...generationProperties,
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
  generateStep: pythonStep({ module: "recipes.vllm.generate", environment: environment.name }),
  runsOn: (devices) =>
    devices.includes("cuda")
      ? undefined
      : {
          message: "vLLM generates on NVIDIA GPUs only",
          help: "set resources.gpus: 1 on a machine with a GPU, or generate.engine: transformers",
        },
};
