import type { Assessed } from "../execution/assess.ts";
import type { Event } from "../execution/event.ts";
import type { Outcome } from "../execution/scheduler.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { readResult } from "../pipeline/result-files.ts";
import { subjectOf } from "../pipeline/steps/arms.ts";
import type { Selection } from "../pipeline/steps/selection.ts";
import { metricsOf } from "../pipeline/steps/task.ts";
import { isWinner, type Planned } from "../pipeline/sweep/planned.ts";
import type { DraftedPoint } from "../pipeline/sweep/planner.ts";
import type { Store } from "../store/store.ts";
import { plural } from "../util/format.ts";
import { outputDir } from "./outcome.ts";
import { stepLabels } from "./step-labels.ts";

/** The event that announces the steps of a plan, without those that `ended` in an earlier part. */
export function planEvent(
  plan: Plan,
  {
    expected,
    points,
    ended,
  }: {
    readonly expected: ReadonlyMap<PlannedStep, Assessed>;
    readonly points: Planned["points"];
    readonly ended: ReadonlyMap<PlannedStep, unknown>;
  },
): Extract<Event, { type: "plan" }> {
  const prices = new Set(plan.runs.map((run) => points.get(run)?.experiment.resources.price_per_hour));
  const [price] = prices.size === 1 ? prices : [];
  const labels = stepLabels(plan.runs, points);
  // A step that several runs share has no run.
  const runs = new Map<PlannedStep, string | undefined>();
  for (const { coordinates, steps } of plan.runs) {
    for (const step of steps.values()) runs.set(step, runs.has(step) || coordinates === "" ? undefined : coordinates);
  }
  return {
    type: "plan",
    runs: plan.runs.length,
    ...(price === undefined ? {} : { price_per_hour: price }),
    steps: [...expected]
      .filter(([step]) => !ended.has(step))
      .map(([step, { status, reason }]) => {
        const run = runs.get(step);
        const { expects } = step.draft;
        return {
          ...{ id: step.id, kind: step.kind.name, status, reason },
          ...(run === undefined ? {} : { run }),
          ...((labels.get(step) ?? step.id) === step.id ? {} : { label: labels.get(step) as string }),
          ...(expects?.seconds === undefined ? {} : { seconds: expects.seconds[0] }),
        };
      }),
  };
}

/**
 * Emits the score of each run of a sweep when its evaluation ends, for the live view. Winners are left out: they are
 * scored on other rows.
 */
export function scoreEvents(
  plan: Plan,
  planned: Pick<Planned, "points" | "selections">,
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
    const lowerIsBetter = metricsOf(point.experiment).get(metric).higherIsBetter === false;
    const value = views[view][metric] ?? null;
    if (value !== null) emit({ type: "score", run: point.coordinates, metric, value, lowerIsBetter });
  };
}

/** One line about a selection: of the survivors of a rung, of proposed settings, or of the winner. */
export function selectionText(experiment: string, { winner, why, epochs, kept, proposed }: Selection): string {
  if (proposed !== undefined) return `${experiment}: ${why}`;
  if (kept !== undefined) return `${experiment}: after ${plural(epochs ?? 0, "epoch")} ${why}`;
  return `${experiment}: ${winner === "" ? "the only setting" : winner} is scored on test (${why})`;
}
