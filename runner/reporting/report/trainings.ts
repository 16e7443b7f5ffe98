import type { Experiment } from "../../config/schema.ts";
import { formatStepRef } from "../../pipeline/plan/step-ref.ts";
import { withoutRows } from "./run-names.ts";
import type { Curve, RunFacts, StepFacts } from "./study.ts";

/** One training of a run: its own, or that of an experiment that it compares itself with. */
export type Training = {
  readonly name: string;
  readonly config: Experiment;
  /** Absent where it was only declared: the answers were replayed. */
  readonly step?: StepFacts | undefined;
  readonly curve?: Curve | undefined;
};

/** The trainings behind the arms of runs, each once: own before compared ones, runs in their order. */
export function trainingsOf(runs: readonly RunFacts[]): readonly Training[] {
  const found = new Map<string, Training>();
  const own = new Set<string>();
  for (const run of runs) {
    const { config, steps, curves, compared } = run;
    const same = steps.train?.object ?? JSON.stringify([config.model, config.data, config.prompt, config.train]);
    // What a sweep chose was trained once, and stands among its runs and as the one that is scored on test.
    if (config.train !== undefined && !own.has(same)) {
      own.add(same);
      found.set(run.name, { name: withoutRows(run.name), config, step: steps.train, curve: curves.train });
    }
    for (const [name, other] of Object.entries(compared)) {
      const id = formatStepRef({ stage: "train", experiment: name });
      // A training that is the same as the run's own is not done, or shown, again.
      const isShared = steps.train !== undefined && steps[id] === undefined;
      if (other.train === undefined || isShared || found.has(name)) continue;
      found.set(name, { name, config: other, step: steps[id], curve: curves[id] });
    }
  }
  return [...found.values()];
}
