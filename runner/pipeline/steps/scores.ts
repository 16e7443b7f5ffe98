import type { Margins } from "../../evaluation/baselines/ensemble.ts";
import { baselines } from "../../evaluation/baselines/index.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { FileOf } from "../../plugins/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Arm, modelArms, subjectOf } from "./arms.ts";
import { readJsonLines } from "./jsonl.ts";
import { generateStep, type Part } from "./part.ts";
import { taskOf } from "./task.ts";

/** Whether the engine scores labels in addition to its answers. */
export const scoresLabels = ({ generate }: Pick<Experiment, "generate">): boolean => generate.scores === "labels";

/**
 * Whether the labels of an arm are those above a threshold. Only the subject of an experiment has one: a threshold is
 * chosen on labelled rows, which an untrained model for comparison must not use.
 */
export function hasThreshold(experiment: Experiment, arm: Arm): boolean {
  return experiment.generate.decision === "threshold" && arm === subjectOf(experiment);
}

/** An experiment whose predictions are the labels of its answers, without scores. */
export function withoutScores(experiment: Experiment): Experiment {
  return { ...experiment, generate: { ...experiment.generate, scores: "none", decision: "answer" } };
}

/** The scores of labels that an engine writes for an arm; undefined if it writes none. */
export function marginsOfModel(experiment: Experiment, arm: Arm, part: Part = "eval"): FileOf | undefined {
  if (!scoresLabels(experiment) || !modelArms(experiment).includes(arm)) return undefined;
  return { step: generateStep(arm, part), file: "margins.jsonl" };
}

/** What the step of a threshold is called, and its file: responses with their labels and the margins of all labels. */
export const decideStage = "decide";
export const decisionsFile = "decisions.jsonl";

const decisionsOf = (arm: Arm): FileOf => ({ step: stepOfArm(decideStage, arm), file: decisionsFile });

/** The responses that an arm is scored by: those of its engine or baseline, or those that a threshold decides. */
export function responsesOf(experiment: Experiment, arm: Arm): FileOf {
  return hasThreshold(experiment, arm) ? decisionsOf(arm) : { step: generateStep(arm), file: "responses.jsonl" };
}

/** The margins of labels that an arm is ranked by; undefined if it has none. */
export function marginsOf(experiment: Experiment, arm: Arm): FileOf | undefined {
  if (taskOf(experiment).labels === undefined) return undefined;
  if (hasThreshold(experiment, arm)) return decisionsOf(arm);
  if (modelArms(experiment).includes(arm)) return marginsOfModel(experiment, arm);
  return arm in baselines ? undefined : { step: generateStep(arm), file: "margins.jsonl" };
}

/** Case -> margins of labels, from margins.jsonl. */
export function readMargins(path: string): ReadonlyMap<string, Margins> {
  type Line = { readonly id: string; readonly margins: Margins };
  return new Map(readJsonLines<Line>(path).map(({ id, margins }) => [id, margins]));
}
