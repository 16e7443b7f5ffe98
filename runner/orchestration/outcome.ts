import type { Outcome } from "../execution/scheduler.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import type { Store } from "../store/store.ts";

/** Whether a step's output is stored. */
export function succeeded(outcome: Outcome): boolean {
  return outcome.status === "built" || outcome.status === "reused";
}

/** The record of a step, if it succeeded. */
export function recordIn(outcome: Outcome | undefined): StoreRecord | undefined {
  return outcome !== undefined && "record" in outcome ? outcome.record : undefined;
}

/** Folder of a step's output, if it succeeded. */
export function outputDir(store: Store, outcome: Outcome | undefined): string | undefined {
  const record = recordIn(outcome);
  return record && store.objectDir(record.object);
}
