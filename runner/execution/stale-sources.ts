import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { isStale } from "../pipeline/plan/stale.ts";
import type { Store } from "../store/store.ts";
import type { StepRunner } from "./scheduler.ts";

/**
 * For `--accept-stale`: finds the newest stored result of a step that differs from it in recipe code and lock files
 * alone, and whose files are intact. Reads all records once, and only if an accepted step is a miss.
 */
export function staleResults(
  store: Pick<Store, "records" | "find">,
  accepts: (step: PlannedStep) => boolean,
): NonNullable<StepRunner["stale"]> {
  let newest: readonly StoreRecord[] | undefined;
  return (step, now) => {
    if (!accepts(step)) return undefined;
    newest ??= store.records().toSorted((a, b) => (a.created < b.created ? 1 : -1));
    const record = newest.find((one) => isStale(one.ingredients, now) && "record" in store.find(one.key));
    return record === undefined ? { miss: "no stored result differs from it in recipe code alone" } : { record };
  };
}
