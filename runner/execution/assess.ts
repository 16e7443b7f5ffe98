import { firstDifference } from "../pipeline/plan/explain.ts";
import { identify } from "../pipeline/plan/identity.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Ingredients, StoreRecord } from "../pipeline/plan/record.ts";
import { changedSources, withoutRecipes } from "../pipeline/plan/stale.ts";
import type { StepRunner } from "./scheduler.ts";

/** What would happen to a step, and why, as far as that is known before anything is built. */
export type Assessed = {
  readonly status: "cached" | "run" | "depends";
  /** null if an upstream file is not built yet. */
  readonly key: string | null;
  readonly reason: string;
};

/** Assesses every step of a plan without writing. `before` gives the ingredients with which a step was last built. */
export function assess(
  plan: Plan,
  runner: Pick<StepRunner, "find" | "holds" | "isCurrent" | "stale">,
  before: (step: PlannedStep) => Ingredients | undefined,
): ReadonlyMap<PlannedStep, Assessed> {
  const assessed = new Map<PlannedStep, Assessed>();
  const records = new Map<PlannedStep, StoreRecord>();
  const guarded = new Map<PlannedStep, PlannedStep[]>();
  for (const step of plan.steps) {
    for (const guard of step.after) {
      if (guard.kind.cached) continue;
      const steps = guarded.get(guard);
      if (steps === undefined) guarded.set(guard, [step]);
      else steps.push(step);
    }
  }
  for (const step of plan.steps) {
    if (guarded.has(step)) continue;
    assessed.set(step, assessStep(step));
  }
  for (const [guard, steps] of guarded) {
    const known = identify(guard, (other) => records.get(other));
    const key = "key" in known ? known.key : null;
    const first = steps.find((step) => assessed.get(step)?.status !== "cached");
    if (first === undefined) assessed.set(guard, { status: "cached", key, reason: "nothing to guard" });
    else if (isCurrent(guard, key)) assessed.set(guard, { status: "cached", key, reason: "passed within the hour" });
    else assessed.set(guard, { status: key === null ? "depends" : "run", key, reason: `guards ${first.id}` });
  }
  return new Map(plan.steps.map((step) => [step, assessed.get(step) as Assessed]));

  function isCurrent(guard: PlannedStep, key: string | null): boolean {
    if (key === null || guard.kind.currentFor === undefined) return false;
    const hit = runner.find(key);
    return "record" in hit && runner.isCurrent(guard, hit.record);
  }

  function assessStep(step: PlannedStep): Assessed {
    const known = identify(step, (other) => records.get(other));
    if ("waitsFor" in known) {
      return {
        status: "depends",
        key: null,
        reason: `depends on ${known.waitsFor.id}: ${known.file.replace(/\/$/, "")}`,
      };
    }
    const { key, ingredients } = known;
    const hit = runner.find(key);
    if ("record" in hit && !step.kind.cached && !isCurrent(step, key))
      return { status: "run", key, reason: "it checks the machine" };
    if ("record" in hit) {
      if (!runner.holds(step, hit.record))
        return { status: "run", key, reason: "its files outside the store are missing" };
      records.set(step, hit.record);
      return { status: "cached", key, reason: "" };
    }
    const stale = runner.stale?.(step, ingredients);
    if (stale !== undefined && "record" in stale && runner.holds(step, stale.record)) {
      records.set(step, stale.record);
      const changed = changedSources(stale.record.ingredients.sources, ingredients.sources);
      return {
        status: "cached",
        key: stale.record.key,
        reason: `stale result accepted: ${changed.join(", ")} changed`,
      };
    }
    const earlier = before(step);
    // If a stale result was to be accepted, recipe code is no reason for the miss.
    const part = stale === undefined ? (whole: Ingredients) => whole : withoutRecipes;
    const difference = earlier === undefined ? undefined : firstDifference(part(earlier), part(ingredients));
    return { status: "run", key, reason: difference ?? hit.miss };
  }
}
