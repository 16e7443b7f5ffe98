import type { Assessed } from "../execution/assess.ts";
import { upTo } from "../pipeline/plan/build.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { suggestion } from "../util/suggest.ts";
import { UserError } from "../util/user-error.ts";
import type { RunOptions } from "./options.ts";

/** Whether a user's name selects a step: its id in the plan, its id in its run, or its kind. */
export function isNamed(step: PlannedStep, name: string): boolean {
  return step.id === name || step.draft.id === name || step.kind.name === name;
}

/** Throws UserError `unknown-step` if a name selects no step of the plan. */
export function checkStepNames(plan: Plan, names: readonly string[]): void {
  const name = names.find((one) => !plan.steps.some((step) => isNamed(step, one)));
  if (name === undefined) return;
  const known = [...new Set(plan.steps.map(({ draft }) => draft.id))];
  throw new UserError("unknown-step", `no step "${name}"`, { status: "invalid", help: suggestion(name, known) });
}

/**
 * Throws UserError `nothing-stale` if a step that --accept-stale names is a miss for which no stale result is stored.
 */
export function checkAcceptedStale(
  assessed: ReadonlyMap<PlannedStep, Assessed>,
  accepts: (step: PlannedStep) => boolean,
): void {
  for (const [step, { status, reason }] of assessed) {
    if (status !== "run" || !accepts(step)) continue;
    const message = `--accept-stale ${step.id}: no stored result differs from it in recipe code alone (${reason})`;
    throw new UserError("nothing-stale", message, { status: "invalid", help: "run without --accept-stale for it" });
  }
}

/** The steps that --until, --force and --accept-stale select. */
export type StepSelection = {
  /** The part of a plan up to the step of --until. No part if `before`, an earlier part, has that step. */
  upTo(plan: Plan, before?: Plan): Plan;
  isForced(step: PlannedStep): boolean;
  acceptsStale(step: PlannedStep): boolean;
};

/** Throws UserError `unknown-step` for a name that selects no step, `bad-option` if one step is forced and accepted. */
export function selectSteps(
  plan: Plan,
  { until, force, acceptStale }: Pick<RunOptions, "until" | "force" | "acceptStale">,
): StepSelection {
  checkStepNames(plan, [...force, ...acceptStale, ...(until === undefined ? [] : [until])]);
  const isForced = (step: PlannedStep): boolean => force.some((name) => isNamed(step, name));
  const acceptsStale = (step: PlannedStep): boolean => acceptStale.some((name) => isNamed(step, name));
  const both = plan.steps.find((step) => isForced(step) && acceptsStale(step));
  if (both !== undefined) {
    throw new UserError("bad-option", `--force and --accept-stale both name ${both.id}`, { status: "invalid" });
  }
  const isLast = (step: PlannedStep): boolean => until !== undefined && isNamed(step, until);
  return {
    upTo(part, before) {
      if (before?.steps.some(isLast)) return { runs: [], steps: [] };
      return part.steps.some(isLast) ? upTo(part, isLast) : part;
    },
    isForced,
    acceptsStale,
  };
}
