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
  const latest = ({ experiment, coordinates, isFinal }: Owner): FinishedRun | undefined => {
    const name = `${experiment}\n${coordinates}\n${isFinal}`;
    if (!former.has(name)) {
      const last = latestManifest(artifacts, experiment);
      const same = last !== undefined && isOf(last, { experiment, coordinates, isFinal });
      former.set(name, same || coordinates === "" ? last : (sameRun({ experiment, coordinates, isFinal }) ?? last));
    }
    return former.get(name);
  };
  let all: readonly FinishedRun[] | undefined;
  const sameRun = (of: Owner): FinishedRun | undefined => {
    all ??= listRuns(artifacts);
    return all.findLast((run) => run.manifest.experiment === of.experiment && isOf(run, of));
  };
  const owners = new Map<PlannedStep, Owner & { readonly id: string }>();
  for (const { experiment, coordinates, steps } of plan.runs) {
    const isFinal = steps.has("select");
    for (const [id, step] of steps) if (!owners.has(step)) owners.set(step, { experiment, coordinates, isFinal, id });
  }
  return (step) => {
    // A selection belongs to no run while its winner is not known.
    const owner = owners.get(step);
    const key = owner && latest(owner)?.manifest.steps[owner.id]?.key;
    return key === undefined ? undefined : store.peek(key)?.ingredients;
  };
}

/** The run that a step is looked up in; `isFinal` where a winner is scored on test, beside its run on validation rows. */
type Owner = { readonly experiment: string; readonly coordinates: string; readonly isFinal: boolean };

function isOf({ manifest }: FinishedRun, { coordinates, isFinal }: Owner): boolean {
  return manifest.coordinates === coordinates && "select" in manifest.steps === isFinal;
}
