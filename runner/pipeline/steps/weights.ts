import type { Experiment } from "../../config/schema.ts";
import type { FileOf } from "../plan/step.ts";
import type { Arm } from "./arms.ts";
import { servesMerged } from "./merge.ts";

/**
 * Upstream files that hold what an arm answers with beside the base's files: nothing for the untrained model; `adapter`, a
 * PEFT folder on the base; or `weights`, a whole model in the base's place.
 */
export function weightsOf(experiment: Experiment, arm: Arm): Readonly<Record<string, FileOf>> {
  if (arm !== "tuned") return {};
  if (experiment.train?.method === "full") return { weights: { step: "train", file: "model/" } };
  if (servesMerged(experiment)) return { weights: { step: "merge", file: "merged/" } };
  return { adapter: { step: "train", file: "adapter/" } };
}
