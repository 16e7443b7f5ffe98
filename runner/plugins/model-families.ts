import { backends } from "./backends/registry.ts";
import { engines } from "./engines/registry.ts";
import type { ModelConfig } from "./model-shape.ts";
import { runningModels } from "./model-support.ts";

/** Models with one architecture, and the keys of their config.json that decide what supports them. */
type Family = {
  /** Models of the family, for people. */
  readonly models: string;
  readonly config: ModelConfig;
};

const layers = { num_hidden_layers: 32 };
const dense = (model_type: string, architecture: string, more: object = {}): ModelConfig => ({
  ...{ model_type, architectures: [architecture], ...layers },
  ...more,
});
const nested = (model_type: string, architecture: string, text: string): ModelConfig => ({
  ...{ model_type, architectures: [architecture] },
  text_config: { model_type: text, ...layers },
  vision_config: {},
});

/** Families that people fine-tune. A model of another family is checked by the same rules, from its config.json. */
const families: readonly Family[] = [
  { models: "Llama 2, Llama 3, SmolLM2", config: dense("llama", "LlamaForCausalLM") },
  {
    models: "Llama 3.1 to 3.3",
    config: dense("llama", "LlamaForCausalLM", { rope_scaling: { rope_type: "llama3", factor: 8 } }),
  },
  { models: "Qwen2.5", config: dense("qwen2", "Qwen2ForCausalLM") },
  { models: "Qwen3", config: dense("qwen3", "Qwen3ForCausalLM") },
  {
    models: "Qwen3 with experts (30B-A3B)",
    config: dense("qwen3_moe", "Qwen3MoeForCausalLM", { num_experts: 128, num_experts_per_tok: 8 }),
  },
  { models: "Qwen3.5", config: nested("qwen3_5", "Qwen3_5ForConditionalGeneration", "qwen3_5_text") },
  { models: "Gemma 3 270M and 1B", config: dense("gemma3_text", "Gemma3ForCausalLM") },
  {
    models: "Gemma 3 from 4B, MedGemma",
    config: nested("gemma3", "Gemma3ForConditionalGeneration", "gemma3_text"),
  },
  { models: "Mistral 7B, Mistral Nemo", config: dense("mistral", "MistralForCausalLM") },
  {
    models: "Mistral Small from 3.1",
    config: nested("mistral3", "Mistral3ForConditionalGeneration", "mistral"),
  },
  { models: "Phi-3, Phi-4", config: dense("phi3", "Phi3ForCausalLM") },
  { models: "SmolLM3", config: dense("smollm3", "SmolLM3ForCausalLM") },
  { models: "OLMo 3", config: dense("olmo3", "Olmo3ForCausalLM") },
  {
    models: "gpt-oss",
    config: dense("gpt_oss", "GptOssForCausalLM", {
      num_local_experts: 32,
      quantization_config: { quant_method: "mxfp4" },
    }),
  },
];

/** "yes", "targets": with a list in train.targets only, or "no". */
type Support = "yes" | "targets" | "no";

/** A row of the matrix: what supports the models of a family, by the name of each backend and engine. */
export type FamilySupport = {
  readonly models: string;
  readonly model_type: string;
  readonly backends: Readonly<Record<string, Support>>;
  readonly engines: Readonly<Record<string, Support>>;
};

/** Which backend trains and which engine loads the models of each family, from the registries. */
export function familyMatrix(): readonly FamilySupport[] {
  return families.map(({ models, config }) => ({
    models,
    model_type: config.model_type as string,
    backends: Object.fromEntries(
      [...backends].map(({ name, supports }) => {
        if (supports?.(config) !== undefined) return [name, "no"];
        const training = { method: "lora", targets: "all-linear" } as const;
        return [name, supports?.(config, training) === undefined ? "yes" : "targets"];
      }),
    ),
    engines: Object.fromEntries(
      runningModels(engines).map(({ name, supports }) => [name, supports?.(config) === undefined ? "yes" : "no"]),
    ),
  }));
}
