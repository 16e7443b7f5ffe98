import { suggestion } from "../diagnostic/suggest.ts";
import type { Assessed } from "../execute/assess.ts";
import type { Plan, PlannedStep } from "../plan/plan.ts";

/** Whether a user means a step by a name: its id in the plan, in its run, or its kind. */
export function isCalled(step: PlannedStep, name: string): boolean {
  return step.id === name || step.draft.id === name || step.kind.name === name;
}

/** What to say about the first name that none of the plan's steps has. */
export function unknownStep(plan: Plan, names: readonly string[]): string | undefined {
  const name = names.find((one) => !plan.steps.some((step) => isCalled(step, one)));
  if (name === undefined) return undefined;
  const known = [...new Set(plan.steps.map(({ draft }) => draft.id))];
  return `no step "${name}": ${suggestion(name, known) ?? ""}`;
}

/** What to say about the first step that was to be accepted although stale, and that nothing stored can stand in for. */
export function nothingStale(
  assessed: ReadonlyMap<PlannedStep, Assessed>,
  accepts: (step: PlannedStep) => boolean,
): string | undefined {
  for (const [step, { status, reason }] of assessed) {
    if (status !== "run" || !accepts(step)) continue;
    return `--accept-stale ${step.id}: nothing that is stored differs from it in recipe code alone (${reason})`;
  }
  return undefined;
}
