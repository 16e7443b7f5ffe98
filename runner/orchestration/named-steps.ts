import type { Assessed } from "../execution/assess.ts";
import { upTo } from "../pipeline/plan/build.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Context } from "../util/context.ts";
import { suggestion } from "../util/suggest.ts";
import type { RunOptions } from "./options.ts";

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

/** Applies --until, --force and --accept-stale, or says which name is none of the plan's. */
export function nameSteps(
  plan: Plan,
  { until, force, acceptStale }: RunOptions,
  context: Context,
):
  | {
      /** The part of a plan up to that step; none of it where an earlier part has the step. */
      readonly until: (plan: Plan, before?: Plan) => Plan;
      readonly forced: (step: PlannedStep) => boolean;
      readonly accepts: (step: PlannedStep) => boolean;
    }
  | undefined {
  const forced = (step: PlannedStep): boolean => force.some((name) => isCalled(step, name));
  const accepts = (step: PlannedStep): boolean => acceptStale.some((name) => isCalled(step, name));
  const both = plan.steps.find((step) => forced(step) && accepts(step));
  const wrong =
    unknownStep(plan, [...force, ...acceptStale, ...(until === undefined ? [] : [until])]) ??
    (both === undefined ? undefined : `${both.id} can be forced or accepted although stale, not both`);
  if (wrong !== undefined) {
    context.err(`exp run: ${wrong}\n`);
    return undefined;
  }
  const isLast = (step: PlannedStep): boolean => until !== undefined && isCalled(step, until);
  return {
    until(part, before) {
      if (before?.steps.some(isLast)) return { runs: [], steps: [] };
      return part.steps.some(isLast) ? upTo(part, isLast) : part;
    },
    forced,
    accepts,
  };
}
