import type { Assessed } from "../execution/assess.ts";
import { firstDifference } from "../pipeline/plan/explain.ts";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Ingredients } from "../pipeline/plan/record.ts";
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
 * machine; undefined if the experiments decide. `later` has steps of later rounds, which may be missing. `before` gives
 * the ingredients with which a step was last built: a step may be reused even though its inputs are built again, and a
 * missing environment is then a warning. Each problem is reported once for all runs. Throws UserError: bad-user-config.
 */
export function problemsOf(
  { plan, points }: Pick<Planned, "plan" | "points">,
  steps: ReadonlyMap<PlannedStep, Pick<Assessed, "status">>,
  { machine, site }: Pick<Project, "machine" | "site">,
  where: Pick<Context, "env" | "packageRoot">,
  {
    submits,
    later = [],
    before,
  }: { readonly submits?: boolean; readonly later?: readonly PlannedStep[]; readonly before: Before },
): readonly Problem[] {
  const found = new Map<string, Problem>();
  const checksOf = rememberedWeakly((expects: Expected) => resourceChecks(expects, machine));
  const checkedIn = remembered((_file: string) => new Set<PlannedStep>());
  const environmentProblem = remembered((environment: string) => missingEnvironment(environment, where));
  const isReusable = reusability(steps, before);
  const environmentChecks = (step: PlannedStep): readonly ResourceProblem[] => {
    const problem = step.draft.environment && environmentProblem(step.draft.environment);
    if (!problem) return [];
    return [isReusable(step) ? { ...problem, severity: "warning" } : problem];
  };
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
      const { expects, credential } = step.draft;
      if (steps.get(step)?.status === "cached") continue;
      const checks = expects === undefined ? [] : checksOf(expects);
      const ofEnvironment = isHere ? environmentChecks(step) : [];
      for (const problem of [...checks, ...ofEnvironment, ...keyChecks(credential, where.env)])
        add(file, step, problem);
    }
  }
  const known = new Set([...found.values()].map(({ message }) => message));
  const file = site.portable(points.get(plan.runs[0] as PlannedRun)?.file ?? "");
  for (const step of submits === true ? [] : later) {
    for (const problem of environmentChecks(step)) if (!known.has(problem.message)) add(file, step, problem);
  }
  return [...found.values()];
}

const submitsJobs = (experiment: Experiment | undefined): boolean =>
  experiment !== undefined && executors.get(experiment.resources.executor).jobSystem !== undefined;

/** A run needs every environment before its first step, so that no training is lost to a missing one. */
function missingEnvironment(
  environment: string,
  where: Pick<Context, "env" | "packageRoot">,
): ResourceProblem | undefined {
  try {
    environmentPython(environment, where);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { code, message, help = "" } = error;
    return { severity: "error", code, message, help, elsewhere: true };
  }
}

type Before = (step: PlannedStep) => Ingredients | undefined;

/**
 * Whether a step whose inputs are not built may be reused: it was built with the same parameters and sources, and so
 * was each step with an environment that it depends on. The outputs of the others often stay equal.
 */
function reusability(
  steps: ReadonlyMap<PlannedStep, Pick<Assessed, "status">>,
  before: Before,
): (step: PlannedStep) => boolean {
  const isReusable = remembered((step: PlannedStep): boolean => {
    const status = steps.get(step)?.status;
    if (status === "cached" || status === "run") return status === "cached";
    const earlier = before(step);
    const { kind, draft, sourceDigests } = step;
    const now = { kind: kind.name, version: kind.version, params: draft.params, sources: sourceDigests, inputs: {} };
    if (earlier === undefined || firstDifference({ ...earlier, inputs: {} }, now) !== undefined) return false;
    return Object.values(step.upstream).every(({ step: other }) =>
      other.draft.environment === undefined ? true : isReusable(other),
    );
  });
  return isReusable;
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
