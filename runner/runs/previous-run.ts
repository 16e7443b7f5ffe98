import type { Plan, PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Ingredients } from "../pipeline/plan/record.ts";
import type { Store } from "../store/store.ts";
import { remembered } from "../util/remember.ts";
import { type FinishedRun, latestManifest, runsAt } from "./finished-runs.ts";

/** The ingredients of a step in the previous run of its experiment. Called only for cache misses. */
export function previousIngredients(
  plan: Plan,
  artifacts: string,
  store: Pick<Store, "record">,
): (step: PlannedStep) => Ingredients | undefined {
  const latest = remembered((experiment: string) => latestManifest(artifacts, experiment));
  const runsOf = remembered((experiment: string) => runsAt(artifacts, experiment));
  const previousRun = new Map<string, FinishedRun | undefined>();
  const previousRunOf = (owner: Owner): FinishedRun | undefined => {
    const name = `${owner.experiment}\n${owner.coordinates}\n${owner.role}`;
    if (!previousRun.has(name)) {
      const last = latest(owner.experiment);
      const isIt = last === undefined || owner.coordinates === "" || isOf(last, owner);
      const same = isIt ? last : runsOf(owner.experiment)(owner.coordinates).findLast((run) => isOf(run, owner));
      previousRun.set(name, same ?? last);
    }
    return previousRun.get(name);
  };
  const owners = new Map<PlannedStep, Owner & { readonly id: string }>();
  for (const { experiment, coordinates, role, steps } of plan.runs) {
    for (const [id, step] of steps) if (!owners.has(step)) owners.set(step, { experiment, coordinates, role, id });
  }
  return (step) => {
    // Before a winner is known, a selection belongs to no run.
    const owner = owners.get(step);
    const key = owner && previousRunOf(owner)?.manifest.steps[owner.id]?.key;
    return key === undefined ? undefined : store.record(key)?.ingredients;
  };
}

/** The run in which a step is looked up. */
type Owner = Pick<PlannedRun, "experiment" | "coordinates" | "role">;

function isOf({ manifest }: FinishedRun, { coordinates, role }: Owner): boolean {
  return manifest.coordinates === coordinates && manifest.role === role;
}
