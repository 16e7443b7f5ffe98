import type { Assessed } from "../execution/assess.ts";
import { partOf } from "../pipeline/plan/build.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { type Planned, planNext } from "../pipeline/sweep/planned.ts";

/** The plan as far as it is known, and what would happen to each step of it. */
export type Forecast = {
  readonly planned: Planned;
  readonly plan: Plan;
  readonly steps: ReadonlyMap<PlannedStep, Assessed>;
};

/**
 * Follows the selections of a plan as far as their results are stored. `assess` assesses a plan, `dirOf` gives the
 * folder of the output that is stored under a key, and `limit` reduces a later part to the steps of --until.
 */
export function forecast(
  planned: Planned,
  given: {
    readonly plan?: Plan;
    assess(plan: Plan): ReadonlyMap<PlannedStep, Assessed>;
    dirOf(key: string): string | undefined;
    limit?(part: Plan, before: Plan): Plan;
  },
): Forecast {
  let { plan = planned.plan } = given;
  let steps = given.assess(plan);
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
    steps = given.assess(plan);
  }
}
