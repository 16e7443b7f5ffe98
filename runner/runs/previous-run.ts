import type { Plan, PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Ingredients } from "../pipeline/plan/record.ts";
import type { Store } from "../store/store.ts";
import { type FinishedRun, latestManifest, runsAt } from "./finished-runs.ts";

/** What a step was made of in the latest finished run of its experiment; asked only for steps that are a miss. */
export function previousIngredients(
  plan: Plan,
  artifacts: string,
  store: Pick<Store, "record">,
): (step: PlannedStep) => Ingredients | undefined {
  const latest = once((experiment: string) => latestManifest(artifacts, experiment));
  const runsOf = once((experiment: string) => runsAt(artifacts, experiment));
  const previousRun = new Map<string, FinishedRun | undefined>();
  const formerOf = (owner: Owner): FinishedRun | undefined => {
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
    // A selection belongs to no run while its winner is not known.
    const owner = owners.get(step);
    const key = owner && formerOf(owner)?.manifest.steps[owner.id]?.key;
    return key === undefined ? undefined : store.record(key)?.ingredients;
  };
}

/** The run that a step is looked up in. */
type Owner = Pick<PlannedRun, "experiment" | "coordinates" | "role">;

function isOf({ manifest }: FinishedRun, { coordinates, role }: Owner): boolean {
  return manifest.coordinates === coordinates && manifest.role === role;
}

/** Looks once at each experiment: a sweep asks for each of its points. */
function once<T>(look: (experiment: string) => T): (experiment: string) => T {
  const known = new Map<string, T>();
  return (experiment) => {
    if (!known.has(experiment)) known.set(experiment, look(experiment));
    return known.get(experiment) as T;
  };
}
