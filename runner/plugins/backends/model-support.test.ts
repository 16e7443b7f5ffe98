import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { preflight } from "../../pipeline/steps/preflight.ts";
import type { StepContext } from "../step.ts";
import { unsupportedModel } from "./model-support.ts";

const decoder = { num_hidden_layers: 32, hidden_size: 64 };
const llama31 = { model_type: "llama", ...decoder, rope_scaling: { rope_type: "llama3", factor: 8 } };
const images = { model_type: "gemma3", text_config: { model_type: "gemma3_text", ...decoder }, vision_config: {} };

test.each([
  ["another family", { model_type: "phi3", ...decoder }],
  ["Gemma 3 without images", { model_type: "gemma3_text", ...decoder }],
  ["the rotary scaling of Llama 3.1", llama31],
  ["the same in transformers 5", { ...llama31, rope_scaling: null, rope_parameters: { rope_type: "llama3" } }],
])("the error for %s names the backend that can train it", (_, config) => {
  expect(unsupportedModel("torchtune", config)?.help).toContain("train.backend: axolotl");
  expect(unsupportedModel("axolotl", config)).toBeUndefined();
});

test("no backend trains a model that also reads images", () => {
  for (const backend of ["torchtune", "axolotl"]) {
    expect(unsupportedModel(backend, images)?.help).toBe("use another model.base");
  }
});

test("llama, qwen2 and qwen3 are supported", () => {
  for (const model_type of ["llama", "qwen2", "qwen3"]) {
    expect(unsupportedModel("torchtune", { model_type, ...decoder, rope_scaling: null })).toBeUndefined();
  }
});

test("preflight checks the fetched model before it starts Python", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "exp-")), "model.json");
  writeFileSync(file, JSON.stringify({ base: "org/name", config: images }));
  const context = { hint: (name: string) => (name === "backend" ? "axolotl" : undefined), input: () => file };
  const run = async () => preflight.run({}, context as unknown as StepContext);
  await expect(run()).rejects.toMatchObject({ code: "backend-unsupported" });
});
