import type { Assessed } from "../execution/assess.ts";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import { type ResourceProblem, resourceChecks } from "../pipeline/steps/resource-checks.ts";
import type { Planned } from "../pipeline/sweep/planned.ts";
import type { Project } from "../project/project.ts";

/** A step that should not or cannot run on this machine, and its experiment file. */
export type Problem = ResourceProblem & { readonly file: string; readonly step: string };

/**
 * The resource checks that fail for missing steps: by this machine, or by the experiment's own limits. Each is reported
 * once for all runs.
 */
export function problemsOf(
  { plan, points }: Pick<Planned, "plan" | "points">,
  steps: ReadonlyMap<PlannedStep, Pick<Assessed, "status">>,
  { machine, site }: Pick<Project, "machine" | "site">,
): readonly Problem[] {
  const found = new Map<string, Problem>();
  for (const run of plan.runs) {
    const file = site.portable(points.get(run)?.file ?? "");
    for (const step of run.steps.values()) {
      const { expects } = step.draft;
      if (expects === undefined || steps.get(step)?.status === "cached") continue;
      for (const problem of resourceChecks(expects, machine)) {
        const name = `${file}: ${problem.code}: ${problem.message}`;
        if (!found.has(name)) found.set(name, { file, step: step.id, ...problem });
      }
    }
  }
  return [...found.values()];
}

/** A problem as text with a line break. In a plan, an error that concerns another machine is shown as a warning. */
export function formatProblem(
  { file, step, severity, code, message, help, elsewhere }: Problem,
  refuses = false,
): string {
  const shown = elsewhere && !refuses ? "warning" : severity;
  return `${file}: ${step}: ${shown}[${code}]: ${message}\n  = help: ${help}\n`;
}
