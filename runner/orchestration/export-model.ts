import type { Event } from "../execution/event.ts";
import { execute, type Outcome } from "../execution/scheduler.ts";
import { buildPlan } from "../pipeline/plan/build.ts";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { readResult } from "../pipeline/result-files.ts";
import { draftsOfExport, type ExportDrafts } from "../pipeline/steps/export-model.ts";
import { kinds } from "../pipeline/steps/index.ts";
import { engines } from "../plugins/engines/registry.ts";
import { formats, type ModelExport } from "../plugins/formats/registry.ts";
import type { Project } from "../project/project.ts";
import { runLabel } from "../runs/finished-runs.ts";
import { environmentPython } from "../setup/environments.ts";
import type { Reporter } from "../terminal/reporter.ts";
import type { Context } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { givenFolder, recordOfStep } from "./given-steps.ts";
import { recordIn } from "./outcome.ts";
import type { AnsweringRun } from "./predict.ts";
import { projectStepRunner } from "./step-runner.ts";

/** A model in another format, and what it lost. */
export type ExportedModel = {
  /** The stored folder with the model and the files that serve it. */
  readonly folder: string;
  /** Absent if nothing was scored. */
  readonly scores?: ExportScores;
};

/** The scores of a run's own model and of the exported one on the same validation rows. */
export type ExportScores = {
  readonly own: string;
  readonly exported: string;
  readonly comparison: ReturnType<typeof readComparison>;
  /** Measured while answering; undefined if the step did not measure it. */
  readonly speed: Readonly<Record<string, Speed>>;
};

type Speed = { readonly device?: string | undefined; readonly tokens_per_second?: number | undefined };

/**
 * Checks that a run has a model that a format holds, before anything is computed. Throws UserError: no-model,
 * export-unsupported, environment-missing, environment-stale.
 */
export function expectExport(
  { run, experiment }: AnsweringRun,
  name: string,
  { site }: Project,
  context: Context,
): void {
  if (!engines.get(experiment.generate.engine).runsModel) {
    throw new UserError("no-model", `${runLabel(run)} asks a server, and has no model on this machine`, {
      help: "name a run whose generate.engine runs the model",
      status: "invalid",
    });
  }
  const format = formats.get(name);
  const config = site.config(experiment.model.base, experiment.model.revision);
  const what = config && format.supports(config);
  if (what !== undefined) {
    throw new UserError("export-unsupported", `${name} cannot export ${what}`, {
      help: `it exports models of the types ${format.modelTypes.join(", ")}`,
      status: "invalid",
    });
  }
  environmentPython(format.environment.name, context);
}

/** Whether a run has validation rows to score a model on. */
export function hasValidation({ run }: AnsweringRun): boolean {
  return (run.manifest.steps.data?.files["validation.jsonl"]?.size ?? 0) > 0;
}

/**
 * Exports the model of a run, and scores it. The steps are stored by their content, so that a repetition builds nothing,
 * and another type only what differs. Resolves to undefined if a step failed or the user interrupted it.
 */
export async function exportModel(
  answering: AnsweringRun,
  wanted: ModelExport & { readonly scores: boolean },
  { project, reporter }: { readonly project: Project; readonly reporter: Reporter },
  context: Context,
): Promise<ExportedModel | undefined> {
  const { run, experiment } = answering;
  const { store, digests } = project;
  const { steps } = run.manifest;
  const site = { ...project.site, uploads: false, elsewhere: false };
  const has = (step: string): boolean => steps[step] !== undefined;
  const drafted = draftsOfExport(experiment, wanted, site, {
    has,
    validates: hasValidation(answering),
    scores: wanted.scores,
  });
  const { role, coordinates, experiment: name } = run.manifest;
  const plan = buildPlan([{ experiment: name, role, coordinates, drafts: drafted.drafts }], kinds, (path) =>
    digests.of(path),
  );
  const ended = new Map<PlannedStep, Outcome>();
  for (const step of plan.steps) {
    if (!drafted.given.has(step.id) && step.kind.name !== "fetch") continue;
    const dir = givenFolder(run, step.id, project);
    if (step.kind.holds?.(step.draft, dir) ?? true)
      ended.set(step, { status: "reused", record: recordOfStep(run, step.id) });
  }
  const emit = (event: Event): void => reporter.event(event);
  const open = plan.steps.filter((step) => !ended.has(step));
  const reason = `export of ${runLabel(run)}`;
  emit({
    type: "plan",
    runs: 1,
    steps: open.map(({ id, kind }) => ({ id, kind: kind.name, status: "run" as const, reason })),
  });
  const runner = projectStepRunner(plan, project, context, { emit });
  const options = { emit, stop: context.stop, force: () => false, keepGoing: false, ended };
  const outcomes = await execute(plan, runner, options);
  const records = new Map(plan.steps.map((step) => [step.id, recordIn(outcomes.get(step))]));
  const dirOf = (id: string): string | undefined => {
    const record = records.get(id);
    return record && store.objectDir(record.object);
  };
  const folder = dirOf(drafted.exported);
  if (folder === undefined) return undefined;
  if (drafted.scored === undefined) return { folder };
  const compared = dirOf("compare");
  if (compared === undefined) return undefined;
  return { folder, scores: scoresOf(drafted.scored, compared, records) };
}

function scoresOf(
  { own, arm, answers }: NonNullable<ExportDrafts["scored"]>,
  compared: string,
  records: ReadonlyMap<string, StoreRecord | undefined>,
): ExportScores {
  const speed = answers.map((step): Speed => {
    const { device, tokens_per_second: rate } = records.get(step)?.evidence ?? {};
    return {
      device: typeof device === "string" ? device : undefined,
      tokens_per_second: typeof rate === "number" ? rate : undefined,
    };
  });
  return {
    own,
    exported: arm,
    comparison: readComparison(compared),
    speed: Object.fromEntries([own, arm].map((name, at) => [name, speed[at] as Speed])),
  };
}

const readComparison = (folder: string) => readResult("comparison.json", folder);
