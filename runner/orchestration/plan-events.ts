import type { Assessed } from "../execution/assess.ts";
import type { Event } from "../execution/event.ts";
import type { Outcome } from "../execution/scheduler.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { readResult } from "../pipeline/result-files.ts";
import { subjectOf } from "../pipeline/steps/arms.ts";
import type { Selection } from "../pipeline/steps/selection.ts";
import { taskOf } from "../pipeline/steps/task.ts";
import type { DraftedPoint } from "../pipeline/sweep/choice.ts";
import { isWinner, type Planned } from "../pipeline/sweep/planned.ts";
import type { Store } from "../store/store.ts";
import { plural } from "../util/format.ts";
import { outputDir } from "./outcome.ts";

/** Tells of the steps of a plan that have not been told of. */
export function planEvents(
  plan: Plan,
  expected: ReadonlyMap<PlannedStep, Assessed>,
  emit: (event: Event) => void,
  points: Planned["points"],
  told: ReadonlyMap<PlannedStep, unknown> = new Map(),
): void {
  const prices = new Set(plan.runs.map((run) => points.get(run)?.experiment.resources.price_per_hour));
  const [price] = prices.size === 1 ? prices : [];
  const steps = [...expected].filter(([step]) => !told.has(step));
  const runs = new Map<PlannedStep, string | undefined>();
  for (const { coordinates, steps: own } of plan.runs) {
    for (const step of own.values()) runs.set(step, runs.has(step) || coordinates === "" ? undefined : coordinates);
  }
  const named = (step: PlannedStep) => {
    const run = runs.get(step);
    return run === undefined ? {} : { run };
  };
  emit({
    type: "plan",
    runs: plan.runs.length,
    ...(price === undefined ? {} : { price_per_hour: price }),
    steps: steps.map(([step, { status, reason }]) => ({
      ...{ id: step.id, kind: step.kind.name, status, reason },
      ...named(step),
      ...(step.draft.expects?.seconds === undefined ? {} : { seconds: step.draft.expects.seconds[0] }),
    })),
  });
}

/** Emits the score of each run of a sweep when its evaluation ends, for the live view. Winners are left out: they are scored on other rows. */
export function scoreEvents(
  plan: Plan,
  planned: Pick<Planned, "points" | "choices">,
  store: Store,
  emit: (event: Event) => void,
): (step: PlannedStep, outcome: Outcome) => void {
  const scored = new Map<PlannedStep, DraftedPoint>();
  for (const run of plan.runs) {
    const point = planned.points.get(run) as DraftedPoint;
    const step = run.steps.get(stepOfArm("evaluate", subjectOf(point.experiment)));
    if (run.coordinates !== "" && step !== undefined && !isWinner(planned, run)) scored.set(step, point);
  }
  return (step, outcome) => {
    const point = scored.get(step);
    const dir = outputDir(store, outcome);
    if (point === undefined || dir === undefined) return;
    const { metric, view } = point.experiment.evaluate.primary;
    const { views } = readResult("metrics.json", dir);
    const lowerIsBetter = !taskOf(point.experiment).metrics.get(metric).higherIsBetter;
    const value = views[view][metric] as number;
    emit({ type: "score", run: point.coordinates, metric, value, lowerIsBetter });
  };
}

/** What a sweep chose, or a rung of it, in a line. */
export function choiceText(experiment: string, { winner, why, epochs, kept }: Selection): string {
  if (kept !== undefined) return `${experiment}: after ${plural(epochs ?? 0, "epoch")} ${why}`;
  return `${experiment}: ${winner === "" ? "the only setting" : winner} is scored on test (${why})`;
}
