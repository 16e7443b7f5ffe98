import { formatStepRef } from "../../pipeline/plan/step-ref.ts";
import type { TrainingReport } from "../../pipeline/result-files.ts";
import { methodName } from "../../pipeline/steps/arm-names.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { missing, reportDuration } from "../../util/format.ts";
import { withoutSplit } from "./run-names.ts";
import type { RunFacts, StepFacts } from "./study.ts";

/** One training of a run: its own, or that of a compared experiment. */
export type Training = {
  readonly name: string;
  readonly config: Experiment;
  /** Absent if the experiment declares the training but its predictions were replayed. */
  readonly step?: StepFacts | undefined;
  readonly curve?: TrainingReport | undefined;
  /** The step that weights suspected rows; absent without `train.suspects`. */
  readonly suspects?: StepFacts | undefined;
};

/** The distinct trainings of runs: own trainings before compared ones, runs in their order. */
export function trainingsOf(runs: readonly RunFacts[]): readonly Training[] {
  const found = new Map<string, Training>();
  const own = new Set<string>();
  for (const run of runs) {
    const { config, steps, curves, compared } = run;
    const identity = steps.train?.object ?? JSON.stringify([config.model, config.data, config.prompt, config.train]);
    // The selected setting of a sweep has two runs, on validation and on test, with one training.
    if (config.train !== undefined && !own.has(identity)) {
      own.add(identity);
      found.set(run.name, {
        name: withoutSplit(run.name),
        config,
        step: steps.train,
        curve: curves.train,
        suspects: steps.suspects,
      });
    }
    for (const [name, other] of Object.entries(compared)) {
      const id = formatStepRef({ stage: "train", experiment: name });
      // A compared experiment with the same training as the run has no training step.
      const isShared = steps.train !== undefined && steps[id] === undefined;
      if (other.train === undefined || isShared || found.has(name)) continue;
      const suspects = steps[formatStepRef({ stage: "suspects", experiment: name })];
      found.set(name, { name, config: other, step: steps[id], curve: curves[id], suspects });
    }
  }
  return [...found.values()];
}

/**
 * The duration of a training over all attempts and, in successive halving, all rungs, by the trainer's clock if it reports one.
 * The seconds of the step include loading and saving, and cover the last rung only.
 */
export const trainingTime = (step: StepFacts | undefined): string =>
  step === undefined ? missing : reportDuration(trainingSeconds(step));

/** The seconds of `trainingTime`. */
export function trainingSeconds({ evidence: { seconds_training: measured }, seconds }: StepFacts): number {
  return typeof measured === "number" ? measured : seconds;
}

/** The display name of a training's method with its rank: "LoRA (rank 16)". */
export function trainingName({ config: { train } }: Pick<RunFacts, "config">): string {
  if (train === undefined) return "";
  const name = methodName(train.method);
  return train.method === "full" ? name : `${name} (rank ${train.rank})`;
}
