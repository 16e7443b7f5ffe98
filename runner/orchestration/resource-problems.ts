import type { Assessed } from "../execution/assess.ts";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import { type ResourceProblem, resourceChecks } from "../pipeline/steps/resource-checks.ts";
import type { Planned } from "../pipeline/sweep/planned.ts";
import type { Credential, Expected } from "../plugins/step.ts";
import { keyProblem } from "../project/key-origins.ts";
import type { Project } from "../project/project.ts";
import type { Context } from "../util/context.ts";
import { remembered, rememberedWeakly } from "../util/remember.ts";

/** A step that should not or cannot run on this machine, and its experiment file. */
export type Problem = ResourceProblem & { readonly file: string; readonly step: string };

/**
 * The checks that fail for missing steps: of this machine, of the experiment's own limits, and of the keys that it
 * sends. Each is reported once for all runs. Throws UserError: bad-user-config.
 */
export function problemsOf(
  { plan, points }: Pick<Planned, "plan" | "points">,
  steps: ReadonlyMap<PlannedStep, Pick<Assessed, "status">>,
  { machine, site }: Pick<Project, "machine" | "site">,
  { env }: Pick<Context, "env">,
): readonly Problem[] {
  const found = new Map<string, Problem>();
  const checksOf = rememberedWeakly((expects: Expected) => resourceChecks(expects, machine));
  const checkedIn = remembered((_file: string) => new Set<PlannedStep>());
  for (const run of plan.runs) {
    const file = site.portable(points.get(run)?.file ?? "");
    const checked = checkedIn(file);
    for (const step of run.steps.values()) {
      if (checked.has(step)) continue;
      checked.add(step);
      const { expects, credential } = step.draft;
      if (steps.get(step)?.status === "cached") continue;
      const checks = expects === undefined ? [] : checksOf(expects);
      for (const problem of [...checks, ...keyChecks(credential, env)]) {
        const name = `${file}: ${problem.code}: ${problem.message}`;
        if (!found.has(name)) found.set(name, { file, step: step.id, ...problem });
      }
    }
  }
  return [...found.values()];
}

/** Another machine may have another configuration, so that a plan only warns. */
function keyChecks(credential: Credential | undefined, env: Context["env"]): readonly ResourceProblem[] {
  const error = credential && keyProblem(credential, env);
  if (error === undefined) return [];
  const { code, message, help = "" } = error;
  return [{ severity: "error", code, message, help, elsewhere: true }];
}

/** A problem as text with a line break. In a plan, an error that concerns another machine is shown as a warning. */
export function formatProblem(
  { file, step, severity, code, message, help, elsewhere }: Problem,
  refuses = false,
): string {
  const shown = elsewhere && !refuses ? "warning" : severity;
  return `${file}: ${step}: ${shown}[${code}]: ${message}\n  = help: ${help}\n`;
}
