import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { FileOf } from "../../plugins/step.ts";
import type { Arm } from "./arms.ts";

/**
 * The upstream files with the trained weights of an arm: none for the untrained model; `adapter`, a PEFT folder for the
 * base; or `weights`, a whole model in place of the base.
 */
export function weightsOf(experiment: Experiment, arm: Arm): Readonly<Record<string, FileOf>> {
  if (arm !== "tuned") return {};
  if (experiment.train?.method === "full") return { weights: { step: "train", file: "model/" } };
  if (loadsMerged(experiment)) return { weights: { step: "merge", file: "merged/" } };
  return { adapter: { step: "train", file: "adapter/" } };
}

/** Whether the engine cannot load such an adapter and needs it merged into the base. */
export function loadsMerged({ train, generate }: Pick<Experiment, "train" | "generate">): boolean {
  if (train === undefined || train.method === "full") return false;
  const { loads } = engines.get(generate.engine);
  return loads !== undefined && !loads.adapters.includes(train.method);
}
