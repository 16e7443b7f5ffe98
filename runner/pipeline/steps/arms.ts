import { classicalBaselines, classifiersAmong } from "../../plugins/classical-baselines.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";

/**
 * An arm of an experiment: "zero_shot", "tuned", a classical baseline by its name, or "ensemble". Arms of compared
 * experiments are "<experiment>.<arm>".
 */
export type Arm = string;

/**
 * The arms that the engine answers. An engine with recorded answers has the arms for which the experiment names a file.
 */
export function modelArms(experiment: Experiment): readonly Arm[] {
  if (experiment.train === undefined) return ["zero_shot"];
  const engine = engines.get(experiment.generate.engine);
  return ["zero_shot", "tuned"].filter((arm) => engine.recorded === undefined || engine.recorded(experiment, arm));
}

/** The subject of an experiment: the trained model, or the untrained one if nothing is trained. */
export function subjectOf(experiment: Experiment): Arm {
  return modelArms(experiment).at(-1) as Arm;
}

/** The arm that a run is about. */
export const subjectIn = (arms: readonly Arm[]): Arm => (arms.includes("tuned") ? "tuned" : "zero_shot");

/**
 * Whether language model and classifier are combined as one more arm. Not if validation rows are scored, as for the
 * candidates of a sweep: validation rows choose the weights of the ensemble.
 */
export function hasEnsemble({ baselines, evaluate }: Experiment): boolean {
  return baselines.includes("ensemble") && evaluate.split !== "validation";
}

/**
 * The classifiers of which the ensemble takes the one with the best score on validation rows. Empty without ensemble.
 */
export function ensembleClassifiers(experiment: Experiment): readonly Arm[] {
  return hasEnsemble(experiment) ? classifiersAmong(experiment.baselines) : [];
}

/** The classical baseline that other arms are compared with: the strongest one of the run. */
export function strongestBaseline(arms: readonly Arm[]): Arm | undefined {
  return Object.keys(classicalBaselines).findLast((name) => arms.includes(name));
}

/** Every arm of an experiment, in the order in which tables show them. */
export function arms(experiment: Experiment): readonly Arm[] {
  const model = modelArms(experiment);
  const scored = [...experiment.baselines, ...ensembleClassifiers(experiment)];
  const classical = Object.keys(classicalBaselines).filter((name) => scored.includes(name));
  return [
    ...model.filter((arm) => arm === "zero_shot"),
    ...classical,
    ...model.filter((arm) => arm === "tuned"),
    ...(hasEnsemble(experiment) ? ["ensemble"] : []),
  ];
}
