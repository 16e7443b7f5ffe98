import { expect, test } from "vitest";
import { gguf } from "./index.ts";

test("a family that llama.cpp's converter was not compared with is refused", () => {
  expect(gguf.supports({ model_type: "gpt_oss" })).toBe("a model of type gpt_oss");
  expect(gguf.supports({ model_type: "qwen3" })).toBeUndefined();
  expect(gguf.supports({})).toBeUndefined();
});

test("the line that serves an export quotes its folder", () => {
  expect(gguf.serve("artifacts/a b")).toBe("ollama create NAME -f 'artifacts/a b/Modelfile'");
});
