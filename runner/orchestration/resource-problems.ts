import type { Assessed } from "../execution/assess.ts";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import { type ResourceProblem, resourceChecks } from "../pipeline/steps/resource-checks.ts";
import type { Planned } from "../pipeline/sweep/planned.ts";
import { executors } from "../plugins/executors/registry.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Credential, Expected } from "../plugins/step.ts";
import { keyProblem } from "../project/key-origins.ts";
import type { Project } from "../project/project.ts";
import { environmentPython } from "../setup/environments.ts";
import type { Context } from "../util/context.ts";
import { remembered, rememberedWeakly } from "../util/remember.ts";
import { UserError } from "../util/user-error.ts";

/** A step that should not or cannot run on this machine, and its experiment file. */
export type Problem = ResourceProblem & { readonly file: string; readonly step: string };

/**
 * The checks that fail for missing steps: of this machine and its Python environments, of the experiment's own limits,
 * and of the keys that it sends. `submits`: whether the executor submits jobs, which check the environments of their
 * machine; undefined if the experiments decide. `later` has steps of later rounds, which may be missing. Each problem is
 * reported once for all runs. Throws UserError: bad-user-config.
 */
export function problemsOf(
  { plan, points }: Pick<Planned, "plan" | "points">,
  steps: ReadonlyMap<PlannedStep, Pick<Assessed, "status">>,
  { machine, site }: Pick<Project, "machine" | "site">,
  where: Pick<Context, "env" | "packageRoot">,
  { submits, later = [] }: { readonly submits?: boolean; readonly later?: readonly PlannedStep[] } = {},
): readonly Problem[] {
  const found = new Map<string, Problem>();
  const checksOf = rememberedWeakly((expects: Expected) => resourceChecks(expects, machine));
  const checkedIn = remembered((_file: string) => new Set<PlannedStep>());
  const environmentChecks = remembered((environment: string) => environmentProblems(environment, where));
  const add = (file: string, step: PlannedStep, problem: ResourceProblem): void => {
    const name = `${file}: ${problem.code}: ${problem.message}`;
    if (!found.has(name)) found.set(name, { file, step: step.id, ...problem });
  };
  for (const run of plan.runs) {
    const point = points.get(run);
    const file = site.portable(point?.file ?? "");
    const isHere = !(submits ?? submitsJobs(point?.experiment));
    const checked = checkedIn(file);
    for (const step of run.steps.values()) {
      if (checked.has(step)) continue;
      checked.add(step);
      const { expects, credential, environment } = step.draft;
      if (steps.get(step)?.status === "cached") continue;
      const checks = expects === undefined ? [] : checksOf(expects);
      const ofEnvironment = isHere && environment !== undefined ? environmentChecks(environment) : [];
      for (const problem of [...checks, ...ofEnvironment, ...keyChecks(credential, where.env)])
        add(file, step, problem);
    }
  }
  const known = new Set([...found.values()].map(({ message }) => message));
  const file = site.portable(points.get(plan.runs[0] as PlannedRun)?.file ?? "");
  for (const step of submits === true ? [] : later) {
    const { environment } = step.draft;
    const problems = environment === undefined ? [] : environmentChecks(environment);
    for (const problem of problems.filter(({ message }) => !known.has(message))) add(file, step, problem);
  }
  return [...found.values()];
}

const submitsJobs = (experiment: Experiment | undefined): boolean =>
  experiment !== undefined && executors.get(experiment.resources.executor).jobSystem !== undefined;

/** A run needs every environment before its first step, so that no training is lost to a missing one. */
function environmentProblems(
  environment: string,
  where: Pick<Context, "env" | "packageRoot">,
): readonly ResourceProblem[] {
  try {
    environmentPython(environment, where);
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { code, message, help = "" } = error;
    return [{ severity: "error", code, message, help, elsewhere: true }];
  }
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
