import type { Outcome } from "../execution/scheduler.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import type { Store } from "../store/store.ts";

/** Whether what a step makes is there. */
export function succeeded(outcome: Outcome): boolean {
  return outcome.status === "built" || outcome.status === "reused";
}

/** The record of a step that came to be. */
export function recordIn(outcome: Outcome | undefined): StoreRecord | undefined {
  return outcome !== undefined && "record" in outcome ? outcome.record : undefined;
}

/** Folder of what a step has written. */
export function outputDir(store: Store, outcome: Outcome | undefined): string | undefined {
  const record = recordIn(outcome);
  return record && store.objectDir(record.object);
}
