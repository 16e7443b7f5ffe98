import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { thisProcess } from "../store/process-identity.ts";
import { canonicalJson, type Json, sha256 } from "../util/canonical.ts";

/** This machine since its boot. A manifest contains it, and names no host. */
const machine = (): string => {
  const { host, realm } = thisProcess();
  return sha256(canonicalJson({ host, realm }));
};

/**
 * Evidence by which a later run recognises a result that depends on the machine: the machine, and the hints of the
 * step. Empty for a kind without `currentFor`.
 */
export function circumstances({ kind, draft }: PlannedStep): Readonly<Record<string, Json>> {
  return kind.currentFor === undefined ? {} : { circumstances: { machine: machine(), hints: draft.hints } };
}

/**
 * Whether a stored result of a step that is not cached is recent, of this machine, and of hints that cover the present
 * ones.
 */
export function isCurrent({ kind, draft }: PlannedStep, { evidence, created }: StoreRecord, now: number): boolean {
  const age = now - Date.parse(created);
  if (!(age >= 0 && age < (kind.currentFor ?? 0))) return false;
  const { machine: where, hints = null } = (evidence.circumstances ?? {}) as { readonly [key: string]: Json };
  if (where !== machine()) return false;
  return kind.coversHints?.(hints, draft.hints) ?? canonicalJson(hints) === canonicalJson(draft.hints);
}
