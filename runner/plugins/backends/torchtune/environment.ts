import type { Environment } from "../../environment.ts";

/** The default environment: torchtune trains in it, transformers generates in it, and core's Python steps run in it. */
export const torchtuneEnvironment: Environment = {
  name: "torchtune",
  modules: ["torch", "torchtune", "transformers", "peft", "sklearn"],
  dev: "dev.lock",
  isDefault: true,
  packages: ["torch", "torchtune", "torchao", "transformers", "peft", "bitsandbytes", "scikit-learn"],
};
