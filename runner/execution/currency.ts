import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { thisProcess } from "../store/process-identity.ts";
import { canonicalJson, type Json, sha256 } from "../util/canonical.ts";

/**
 * Evidence by which a later run recognises a result that depends on the machine: the host since its boot, and the hints
 * of the step. Empty for a kind without `currentFor`.
 */
export function circumstances({ kind, draft }: PlannedStep): Readonly<Record<string, Json>> {
  if (kind.currentFor === undefined) return {};
  const { host, realm } = thisProcess();
  return { circumstances: sha256(canonicalJson({ host, realm, hints: draft.hints })) };
}

/** Whether a stored result of a step that is not cached is recent, and of this machine and these hints. */
export function isCurrent(step: PlannedStep, { evidence, created }: StoreRecord, now: number): boolean {
  const age = now - Date.parse(created);
  const { currentFor = 0 } = step.kind;
  return age >= 0 && age < currentFor && evidence.circumstances === circumstances(step).circumstances;
}
