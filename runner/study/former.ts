import type { Plan, PlannedStep } from "../plan/plan.ts";
import type { Ingredients } from "../plan/record.ts";
import type { Store } from "../store/store.ts";
import { type FinishedRun, latestManifest, listRuns } from "./runs.ts";

/** What a step was made of in the latest finished run of its experiment; asked only for steps that are a miss. */
export function formerIngredients(
  plan: Plan,
  artifacts: string,
  store: Pick<Store, "peek">,
): (step: PlannedStep) => Ingredients | undefined {
  const former = new Map<string, FinishedRun | undefined>();
  const latest = (experiment: string, coordinates: string): FinishedRun | undefined => {
    const name = `${experiment}\n${coordinates}`;
    if (!former.has(name)) {
      const last = latestManifest(artifacts, experiment);
      const same = last?.manifest.coordinates === coordinates;
      former.set(name, same || coordinates === "" ? last : (sameCoordinates(experiment, coordinates) ?? last));
    }
    return former.get(name);
  };
  let all: readonly FinishedRun[] | undefined;
  const sameCoordinates = (experiment: string, coordinates: string): FinishedRun | undefined => {
    all ??= listRuns(artifacts);
    return all.findLast(({ manifest }) => manifest.experiment === experiment && manifest.coordinates === coordinates);
  };
  const owner = new Map<PlannedStep, { experiment: string; coordinates: string; id: string }>();
  for (const { experiment, coordinates, steps } of plan.runs) {
    for (const [id, step] of steps) if (!owner.has(step)) owner.set(step, { experiment, coordinates, id });
  }
  return (step) => {
    const { experiment, coordinates, id } = owner.get(step) as { experiment: string; coordinates: string; id: string };
    const key = latest(experiment, coordinates)?.manifest.steps[id]?.key;
    return key === undefined ? undefined : store.peek(key)?.ingredients;
  };
}
