import type { Assessed } from "../execution/assess.ts";
import { partOf } from "../pipeline/plan/build.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { type Planned, planNext } from "../pipeline/sweep/planned.ts";

/** All of a plan that is known to be needed, and what would happen to each step of it. */
export type Forecast = {
  readonly planned: Planned;
  readonly plan: Plan;
  readonly steps: ReadonlyMap<PlannedStep, Assessed>;
};

/**
 * Follows the selections of a plan as far as they are stored. `judge` assesses a plan, `dirOf` gives the folder of what is stored
 * for a key, `limit` leaves out of a later part what is not wanted of it.
 */
export function forecast(
  planned: Planned,
  given: {
    readonly plan?: Plan;
    judge(plan: Plan): ReadonlyMap<PlannedStep, Assessed>;
    dirOf(key: string): string | undefined;
    limit?(part: Plan, before: Plan): Plan;
  },
): Forecast {
  let { plan = planned.plan } = given;
  let steps = given.judge(plan);
  let known = planned;
  for (;;) {
    const next = planNext(known, (step) => {
      const one = steps.get(step);
      return one?.status === "cached" && one.key !== null ? given.dirOf(one.key) : undefined;
    });
    if (next === undefined) return { planned: known, plan, steps };
    known = next;
    const part = given.limit?.(next.plan, plan) ?? next.plan;
    plan = partOf(next.whole, [...plan.runs, ...part.runs], [...plan.steps, ...part.steps]);
    steps = given.judge(plan);
  }
}
