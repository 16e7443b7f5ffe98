import { expect, test } from "vitest";
import families from "../../recipes/torchtune/families.json" with { type: "json" };
import { layerNames } from "./model-shape.ts";
import { unsupportedGeneration, unsupportedTraining, unsupportedUses } from "./model-support.ts";

const decoder = { num_hidden_layers: 32, hidden_size: 64 };
const images = { model_type: "gemma3", text_config: { model_type: "gemma3_text", ...decoder }, vision_config: {} };
const mixture = { model_type: "qwen3_moe", ...decoder, num_experts: 128 };
const lora = { method: "lora", targets: "all-linear" } as const;

test("the error for a family names the backends that can train it", () => {
  const config = { model_type: "olmo3", ...decoder };
  expect(unsupportedTraining("torchtune", config)).toMatchObject({
    code: "backend-unsupported",
    help: "use train.backend: axolotl, or another model.base",
  });
  expect(unsupportedTraining("axolotl", config)).toBeUndefined();
});

test("torchtune trains dense decoders, and the text decoder of Gemma 3", () => {
  for (const model_type of ["llama", "mistral", "phi3", "qwen2", "qwen3", "smollm3", "gemma3_text"]) {
    expect(unsupportedTraining("torchtune", { model_type, ...decoder, rope_scaling: null })).toBeUndefined();
  }
  expect(unsupportedTraining("torchtune", images)).toBeUndefined();
  const scaled = (rope_scaling: unknown, model_type = "llama") => ({ model_type, ...decoder, rope_scaling });
  expect(unsupportedTraining("torchtune", scaled({ rope_type: "llama3", factor: 8 }))).toBeUndefined();
  const nested = { sliding_attention: { rope_type: "default" }, full_attention: { rope_type: "yarn" } };
  for (const config of [
    scaled({ type: "dynamic", factor: 8 }),
    { ...images, text_config: { ...images.text_config, rope_parameters: nested } },
    { ...images, text_config: { ...decoder, model_type: "llama" } },
    { ...images, text_config: undefined },
    { model_type: "llama", ...decoder, quantization_config: { quant_method: "gptq" } },
  ]) {
    expect(unsupportedTraining("torchtune", config)?.code).toBe("backend-unsupported");
  }
});

test("targets that the model does not have are refused, with those that it has", () => {
  const phi = { model_type: "phi3", ...decoder };
  const attention = { method: "lora", targets: ["q_proj", "o_proj"] } as const;
  const refused = unsupportedTraining("torchtune", phi, attention);
  expect(refused?.message).toContain("q_proj");
  expect(refused?.help).toContain("qkv_proj, o_proj, gate_up_proj, down_proj");
  expect(refused?.help).not.toContain("axolotl");
  expect(unsupportedTraining("torchtune", phi, { ...attention, method: "full" })).toBeUndefined();
  expect(unsupportedTraining("torchtune", phi, { ...attention, targets: ["qkv_proj"] })).toBeUndefined();
  expect(unsupportedTraining("torchtune", images, attention)).toBeUndefined();
});

test("the names of the layers are known for each text decoder that torchtune trains", () => {
  const decoders = Object.entries(families).filter(([, family]) => !("text" in family));
  expect(decoders.filter(([model_type]) => layerNames({ model_type, ...decoder }) === undefined)).toEqual([]);
});

test("axolotl trains no model that also reads images, and no model without a text decoder", () => {
  for (const config of [images, { model_type: "clip" }]) {
    expect(unsupportedTraining("axolotl", config)?.code).toBe("backend-unsupported");
  }
});

test("axolotl trains the text decoder of Qwen3.5, which transformers builds alone", () => {
  const config = { model_type: "qwen3_5", text_config: { model_type: "qwen3_5_text", ...decoder }, vision_config: {} };
  expect(unsupportedTraining("axolotl", config)).toBeUndefined();
  expect(unsupportedTraining("torchtune", config)?.help).toContain("train.backend: axolotl");
});

test("an adapter on all linear layers of a mixture of experts is refused, with the targets that are possible", () => {
  expect(unsupportedTraining("axolotl", mixture, lora)?.help).toContain("train.targets: [q_proj, k_proj");
  const attention = { ...lora, targets: ["q_proj", "v_proj"] as const };
  expect(unsupportedTraining("axolotl", mixture, attention)).toBeUndefined();
  expect(unsupportedTraining("axolotl", mixture, { ...lora, method: "full" })).toBeUndefined();
});

test("an engine that loads the model refuses types that its transformers lacks", () => {
  const config = { model_type: "mistral3", text_config: decoder };
  expect(unsupportedGeneration("transformers", config)?.code).toBe("engine-unsupported");
  expect(unsupportedGeneration("transformers", images)).toBeUndefined();
  expect(unsupportedGeneration("openai", config)).toBeUndefined();
  const old = { model_type: "gpt_neo", ...decoder };
  expect(unsupportedGeneration("vllm", old)?.help).toContain("generate.engine: transformers");
  expect(unsupportedGeneration("vllm", images)).toBeUndefined();
});

test("a model is checked for the training and for the answers", () => {
  const use = { train: { backend: "torchtune", ...lora }, engine: "transformers" };
  expect(unsupportedUses(use, { model_type: "mistral3" }).map(({ code }) => code)).toEqual([
    "backend-unsupported",
    "engine-unsupported",
  ]);
  expect(unsupportedUses({ engine: "transformers" }, { model_type: "llama", ...decoder })).toEqual([]);
});
