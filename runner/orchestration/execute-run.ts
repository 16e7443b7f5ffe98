import type { LoadedExperiment } from "../config/loaded.ts";
import { type Assessed, assess } from "../execution/assess.ts";
import type { Event } from "../execution/event.ts";
import { execute, type Outcome, type StepRunner } from "../execution/scheduler.ts";
import { staleResults } from "../execution/stale-sources.ts";
import { partOf } from "../pipeline/plan/build.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import { readSelection } from "../pipeline/steps/selection.ts";
import { type Planned, planAll, planNext } from "../pipeline/sweep/planned.ts";
import type { Executor } from "../plugins/executors/executor.ts";
import { openProject, type Project } from "../project/project.ts";
import { portableBelow } from "../project/site.ts";
import type { Mirror } from "../publishing/mirror/mirror.ts";
import { closeMirror, mirrorProblem, openMirror } from "../publishing/mirror/mirror-option.ts";
import { mirroredStepRunner, restoreSteps } from "../publishing/mirror/mirrored-step-runner.ts";
import { nameClash } from "../runs/name-clash.ts";
import { previousIngredients } from "../runs/previous-run.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import { statusFileReporter } from "../terminal/status-file-reporter.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import type { Sealed } from "./ablations.ts";
import { forecast } from "./forecast.ts";
import { replaceTexts } from "./jobs/frozen-plan.ts";
import type { RungRun } from "./jobs/submission.ts";
import type { RunOptions } from "./options.ts";
import { outputDir } from "./outcome.ts";
import { planEvent, scoreEvents, selectionText } from "./plan-events.ts";
import { formatProblem, problemsOf } from "./resource-problems.ts";
import { sealRuns } from "./seal-runs.ts";
import { checkAcceptedStale, type StepSelection, selectSteps } from "./select-steps.ts";
import { forcedOnce, projectStepRunner, withKeys, withLedger } from "./step-runner.ts";
import { submitRun } from "./submit-run.ts";

/** What to run: experiments as they were loaded just now, or as they were frozen for a job. */
export type RunRequest = {
  readonly loaded: readonly LoadedExperiment[];
  /** Names under which `exp view` and `exp status` list the process. */
  readonly names: readonly string[];
  readonly executor: Executor;
  /** In a job: the frozen sources. */
  readonly frozen?: FrozenSources;
  /** In a job of a later rung: executes only this run of the rung, after the rungs before it. */
  readonly rungRun?: RungRun;
  /** Receives every event, after the reporters. */
  readonly onEvent?: (event: Event) => void;
};

type FrozenSources = {
  /** Path of a copy -> path of its source, relative to the project root: manifests name the source. */
  readonly originals: Readonly<Record<string, string>>;
  /** Folder of the copied recipes/. */
  readonly packageRoot: string;
  /** Throws UserError if a source that was not copied has changed. */
  check(plan: Plan): void;
  /** Receives the key of each step that the job looks up or builds. */
  onKey(key: string): void;
};

/** The end of a run. */
export type ExecutedRun = {
  readonly project: Project;
  readonly planned: Planned;
  readonly outcomes: ReadonlyMap<PlannedStep, Outcome>;
  readonly sealed: readonly Sealed[];
};

/**
 * Plans the experiments, executes the missing steps, and seals every complete run; or submits the plan to a job system.
 * Resolves to an exit code if no step was to be executed here. Throws UserError if the plan must not run.
 */
export async function executeRun(
  request: RunRequest,
  options: RunOptions,
  context: Context,
): Promise<ExecutedRun | number> {
  const session = await prepare(request, options, context);
  try {
    const first = await firstRound(session);
    if (first === undefined) return exit.invalid;
    if (await mustSubmit(session, first)) {
      const { planned, project, runner, emit } = session;
      const submission = { planned: { ...planned, plan: first.plan }, project, expected: first.expected };
      return await submitRun({ ...request, ...submission }, { parts: runner, options, emit }, context);
    }
    return await executeRounds(session, first);
  } finally {
    await session.close();
  }
}

/** Everything that the rounds of a run share. */
type Session = {
  readonly request: RunRequest;
  readonly options: RunOptions;
  readonly context: Context;
  readonly project: Project;
  readonly planned: Planned;
  readonly steps: StepSelection;
  readonly runner: StepRunner;
  readonly mirror: Mirror | undefined;
  emit(event: Event): void;
  close(): Promise<void>;
};

/** A part of the plan that is executed at once, and what is known about its steps. */
type Round = { readonly plan: Plan; readonly expected: ReadonlyMap<PlannedStep, Assessed> };

/** Opens the project, plans the experiments, and opens what a run writes to. */
async function prepare(request: RunRequest, options: RunOptions, context: Context): Promise<Session> {
  const { loaded, executor, frozen } = request;
  const inside = { ...context, packageRoot: frozen?.packageRoot ?? context.packageRoot };
  const root = loaded[0]?.root ?? context.cwd;
  const opened = await openProject(root, inside, "write", options.artifacts, true);
  const project = frozen === undefined ? opened : withOriginalNames(opened, frozen, context.packageRoot);
  const submits = executor.jobSystem !== undefined;
  const site = { ...project.site, uploads: options.upload, elsewhere: submits };
  const planned = planAll(loaded, { ...project, site });
  frozen?.check(planned.whole);
  const steps = selectSteps(planned.whole, options);
  const { store, artifacts } = project;
  const names = loaded.map(({ name }) => name);
  const problem =
    nameClash(names, artifacts) ??
    (options.mirror === undefined ? undefined : mirrorProblem(options.mirror, project, context));
  if (problem !== undefined) throw new UserError("bad-option", problem, { status: "invalid" });

  const screen = submits ? { ...context, tty: false } : context;
  const reporter = chooseReporter({ json: options.json === true, quiet: options.quiet === true }, screen);
  const status = statusFileReporter(artifacts, request.names);
  const emit = (event: Event): void => {
    reporter.event(event);
    status.event(event);
    request.onEvent?.(event);
  };
  store.removeAbandoned();
  const mirror = options.mirror === undefined ? undefined : await openMirror(options.mirror, project, context, emit);
  const session = { request, options, context, project, planned, steps, mirror, emit };
  return {
    ...session,
    runner: { ...runnerOf(session, inside), stale: staleResults(store, steps.acceptsStale) },
    async close() {
      if (mirror !== undefined) await closeMirror(mirror, context);
      await reporter.close();
      await status.close();
      store.close();
    },
  };
}

/** Whether the live view shows the run. */
const isWatched = ({ tty }: Pick<Context, "tty">, { json, quiet }: Pick<RunOptions, "json" | "quiet">): boolean =>
  tty && json !== true && quiet !== true;

/** The step runner of this project, which also records keys in a job, copies to the mirror, and writes the ledger. */
function runnerOf(
  { request, options, project, planned, mirror, emit }: Omit<Session, "runner" | "close">,
  context: Context,
): StepRunner {
  const { jobs, shareGpus } = options;
  let runner = projectStepRunner(planned.whole, project, context, { emit, jobs, shareGpus });
  if (request.frozen !== undefined) runner = withKeys(runner, request.frozen.onKey);
  if (mirror !== undefined) {
    runner = mirroredStepRunner(runner, mirror, ({ id }) =>
      emit({ type: "note", level: "info", message: `${id} resumes from the mirror` }),
    );
  }
  return forcedOnce(withLedger(runner, planned.whole, project.artifacts));
}

/** Names sources by their original paths in everything that a job writes. */
function withOriginalNames(project: Project, { originals }: FrozenSources, packageRoot: string): Project {
  const portableHere = portableBelow(project.root, packageRoot);
  const portable = <T>(value: T): T => portableHere(replaceTexts(value, originals));
  return { ...project, site: { ...project.site, portable } };
}

/** Restores steps from the mirror and checks the first part of the plan. Undefined if this machine cannot run it. */
async function firstRound(session: Session): Promise<Round | undefined> {
  const { planned, project, steps, mirror, options, context, emit } = session;
  const plan = limited(session, planned, planned.plan);
  const restored = mirror === undefined ? 0 : await restoreSteps(plan, project.store, mirror, context.stop);
  if (restored > 0) {
    emit({ type: "note", level: "info", message: `restored ${plural(restored, "finished step")} from the mirror` });
  }
  const expected = assessed(session, plan);
  checkAcceptedStale(expected, steps.acceptsStale);
  const { request } = session;
  // If all of the first round is cached, the later ones may be too, and then need no environment.
  const isMissing = [...expected.values()].some(({ status }) => status !== "cached");
  const later =
    isMissing && options.until === undefined ? planned.whole.steps.filter((step) => !expected.has(step)) : [];
  const packageRoot = request.frozen?.packageRoot ?? context.packageRoot;
  const submits = request.executor.jobSystem !== undefined;
  const where = { env: context.env, packageRoot };
  const problems = problemsOf({ ...planned, plan }, expected, project, where, {
    ...{ submits, later },
    before: previousIngredients(planned.whole, project.artifacts, project.store),
  });
  for (const problem of problems) {
    if (options.json === true) context.out(`${JSON.stringify(problem)}\n`);
    else context.err(`${formatProblem(problem, true)}\n`);
  }
  return problems.some(({ severity }) => severity === "error") ? undefined : { plan, expected };
}

/** Whether the executor submits jobs and any step is a miss, also after the selections whose results are stored. */
async function mustSubmit(session: Session, { plan }: Round): Promise<boolean> {
  const { request, planned, project, runner } = session;
  if (request.executor.jobSystem === undefined) return false;
  const { steps } = forecast(planned, {
    plan,
    assess: (part) => assessed(session, part),
    limit: (part, before) => limited(session, planned, part, before),
    dirOf(key) {
      const hit = runner.find(key);
      return "record" in hit ? project.store.objectDir(hit.record.object) : undefined;
    },
  });
  return [...steps.values()].some(({ status }) => status !== "cached");
}

/** Executes the first round, and the rounds that follow from selections. Seals the runs of each round. */
async function executeRounds(session: Session, first: Round): Promise<ExecutedRun> {
  const { request, options, context, project, emit } = session;
  const dirOf = (step: PlannedStep) => outputDir(project.store, outcomes.get(step));
  const sealed: Sealed[] = [];
  let { planned } = session;
  let outcomes: ReadonlyMap<PlannedStep, Outcome> = new Map();
  let round = first;
  for (let rung = 1; ; rung++) {
    emit(planEvent(round.plan, { expected: round.expected, points: planned.points, ended: outcomes }));
    const ended = await execute(round.plan, session.runner, {
      emit,
      stop: context.stop,
      force: session.steps.isForced,
      keepGoing: options.keepGoing ?? false,
      ended: outcomes,
      ...(isWatched(context, options) ? { onEnd: scoreEvents(round.plan, planned, project.store, emit) } : {}),
    });
    outcomes = new Map([...outcomes, ...ended]);
    sealed.push(...sealRuns(round.plan, outcomes, { points: planned.points, options, project, context, emit }));
    if (rung === request.rungRun?.rung) break;

    const next = planNext(planned, dirOf);
    if (next === undefined) break;
    const part = rung + 1 === request.rungRun?.rung ? onlyCandidate(next, request.rungRun.index) : next.plan;
    const plan = limited(session, next, part, first.plan);
    if (plan.runs.length === 0) break;
    for (const { step, experiment } of planned.open.filter((selection) => !next.open.includes(selection))) {
      const selection = readSelection(dirOf(step) as string);
      emit({ type: "note", level: "info", message: selectionText(experiment, selection) });
    }
    planned = next;
    round = { plan, expected: assessed(session, plan) };
  }
  return { project, planned, outcomes, sealed };
}

/** The part of a plan up to the step of --until. */
function limited({ steps }: Session, { planner }: Planned, plan: Plan, before?: Plan): Plan {
  const part = steps.upTo(plan, before);
  if (part.runs.length > 0) planner.replaceRuns(plan.runs, part.runs);
  return part;
}

function assessed({ runner, project }: Session, plan: Plan): Round["expected"] {
  return assess(plan, runner, previousIngredients(plan, project.artifacts, project.store));
}

/** The part of a rung that one of its candidates needs. */
function onlyCandidate({ plan, points }: Planned, index: number): Plan {
  const candidates = plan.runs.filter((run) => points.get(run)?.rung !== undefined && run.role === "candidate");
  return partOf(plan, candidates.slice(index, index + 1));
}
