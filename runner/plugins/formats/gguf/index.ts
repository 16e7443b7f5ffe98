import modelTypes from "../../../../recipes/gguf/model_types.json" with { type: "json" };
import { shellWord } from "../../../util/shell.ts";
import { pythonStep } from "../../step-work.ts";
import type { ModelFormat } from "../format.ts";
import { metadataTexts } from "./metadata.ts";

const environment = "gguf";

/** The format of llama.cpp, Ollama and LM Studio, converted and answered by llama.cpp on the CPU. */
export const gguf: ModelFormat = {
  name: "gguf",
  environment: {
    name: environment,
    modules: ["torch", "transformers", "gguf", "conversion", "xllamacpp"],
    dev: "dev-gguf.lock",
    packages: ["convert-hf-to-gguf", "xllamacpp"],
  },
  types: ["q4_k_m", "q5_k_m", "q6_k", "q8_0", "f16", "bf16", "f32"],
  file: "model.gguf",
  textsIn: metadataTexts,
  modelTypes,
  supports: ({ model_type: type }) =>
    type === undefined || modelTypes.includes(type) ? undefined : `a model of type ${type}`,
  exportStep: pythonStep({ module: "recipes.gguf.export", environment }),
  answerStep: pythonStep({ module: "recipes.gguf.generate", environment }),
  serve: (folder) => `ollama create NAME -f ${shellWord(`${folder}/Modelfile`)}`,
};
