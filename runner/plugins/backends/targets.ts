import { layerNames, type ModelConfig } from "../model-shape.ts";
import type { TrainingRequest, UnsupportedPart } from "./backend.ts";

/**
 * The targets of a training that a text decoder does not have; undefined if it has all of them, or if the names of its
 * layers do not follow from its config.
 */
export function absentTargets(text: ModelConfig, training?: TrainingRequest): UnsupportedPart | undefined {
  if (training === undefined || training.method === "full" || training.targets === "all-linear") return undefined;
  const layers = layerNames(text);
  if (layers === undefined) return undefined;
  const absent = training.targets.filter((target) => !layers.includes(target));
  if (absent.length === 0) return undefined;
  return {
    model: `${absent.join(", ")} of a ${text.model_type} model, which has no such layers`,
    key: "train.targets",
    help: `train.targets: all-linear, or some of ${layers.join(", ")}`,
  };
}
