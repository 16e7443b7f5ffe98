import type { LoadedExperiment } from "../config/loaded.ts";
import { assess } from "../execution/assess.ts";
import type { Event } from "../execution/event.ts";
import { execute, type Outcome, type StepRunner } from "../execution/scheduler.ts";
import { staleResults } from "../execution/stale-sources.ts";
import { partOf } from "../pipeline/plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import { readSelection } from "../pipeline/steps/selection.ts";
import type { DraftedPoint } from "../pipeline/sweep/choice.ts";
import { type Planned, planAll, planNext } from "../pipeline/sweep/planned.ts";
import { renamed } from "../plugins/executors/slurm/freeze.ts";
import type { RungPlace } from "../plugins/executors/slurm/submission.ts";
import { openProject, type Project } from "../project/project.ts";
import { portableBelow } from "../project/site.ts";
import type { Mirror } from "../publishing/mirror/mirror.ts";
import { closeMirror, mirrorProblem, openMirror } from "../publishing/mirror/mirror-option.ts";
import { mirroredStepRunner, restoreSteps } from "../publishing/mirror/mirrored-step-runner.ts";
import { clashByCase } from "../runs/name-clash.ts";
import { previousIngredients } from "../runs/previous-run.ts";
import type { Store } from "../store/store.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import { statusFileReporter } from "../terminal/status-file-reporter.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import type { Sealed } from "./ablations.ts";
import { type Executor, submitJobs } from "./executor.ts";
import { forecast } from "./forecast.ts";
import { nameSteps, nothingStale } from "./named-steps.ts";
import type { RunOptions } from "./options.ts";
import { outputDir } from "./outcome.ts";
import { choiceText, planEvents, scoreEvents } from "./plan-events.ts";
import { formatProblem, type Problem, problemsOf } from "./resource-problems.ts";
import { finish } from "./seal-runs.ts";
import { createStepRunner, forcedOnce, withKeys, withLedger } from "./step-runner.ts";

/** What a run goes by: experiments read just now, or when they were frozen for a job. */
export type Given = {
  readonly loaded: readonly LoadedExperiment[];
  /** What `exp view` and `exp status` know the process by. */
  readonly names: readonly string[];
  readonly executor: Executor;
  /** In a job: the path of a source's copy -> the source's, relative to the project; and a look at the sources without one. */
  readonly frozen?: {
    readonly back: Readonly<Record<string, string>>;
    /** Where recipes/ lies as it was. */
    readonly packageRoot: string;
    check(plan: Plan): void;
    /** Is told the key of each step that is looked for or made. */
    note(key: string): void;
  };
  /** In a job: goes up to this rung and no further, and of its runs makes this one alone. */
  readonly place?: RungPlace;
  /** Hears every event besides. */
  readonly listen?: (event: Event) => void;
};

/** What was carried out, when all of it has ended. */
export type ExecutedRun = {
  readonly project: Project;
  readonly planned: Planned;
  /** What each run stands for, of the part that --until left. */
  readonly points: ReadonlyMap<PlannedRun, DraftedPoint>;
  readonly outcomes: ReadonlyMap<PlannedStep, Outcome>;
  readonly sealed: readonly Sealed[];
};

type Points = Map<PlannedRun, DraftedPoint>;

/**
 * Plans what was loaded, runs what is missing, and seals each run that is complete; or gives it all to Slurm. Gives an exit code
 * where nothing was to be carried out here. Throws UserError where Slurm says no.
 */
export async function executeRun(given: Given, options: RunOptions, context: Context): Promise<ExecutedRun | number> {
  const { loaded, executor } = given;
  const inside = { ...context, packageRoot: given.frozen?.packageRoot ?? context.packageRoot };
  const project = restored(
    await openProject(loaded[0]?.root ?? context.cwd, inside, "write", options.artifacts, true),
    given,
    context.packageRoot,
  );
  const site = { ...project.site, uploads: options.upload, elsewhere: executor === "slurm" };
  const planned = planAll(loaded, { ...project, site });
  given.frozen?.check(planned.whole);
  const named = nameSteps(planned.whole, options, context);
  if (named === undefined) return exit.invalid;
  const { store, artifacts } = project;
  const wrong =
    clashByCase(
      loaded.map(({ name }) => name),
      artifacts,
    ) ?? (options.mirror === undefined ? undefined : mirrorProblem(options.mirror, project, context));
  if (wrong !== undefined) {
    context.err(`exp run: ${wrong}\n`);
    return exit.invalid;
  }

  const screen = executor === "slurm" ? { ...context, tty: false } : context;
  const reporter = chooseReporter({ json: options.json === true, quiet: options.quiet === true }, screen);
  const published = statusFileReporter(artifacts, given.names);
  const emit = (event: Event): void => {
    reporter.event(event);
    published.event(event);
    given.listen?.(event);
  };
  store.removeAbandoned();
  const mirror = options.mirror === undefined ? undefined : await openMirror(options.mirror, project, context, emit);
  try {
    const { accepts } = named;
    const own = stepRunnerOf(planned, { given, project, context: inside, options, emit, mirror });
    const parts = { ...own, stale: staleResults(store, accepts) };
    return await carry({ given, project, planned, named, parts, mirror, options, emit }, context);
  } finally {
    if (mirror !== undefined) await closeMirror(mirror, context);
    await reporter.close();
    await published.close();
    store.close();
  }
}

type Carrying = {
  readonly given: Given;
  readonly project: Project;
  readonly planned: Planned;
  readonly named: NonNullable<ReturnType<typeof nameSteps>>;
  readonly parts: StepRunner;
  readonly mirror: Mirror | undefined;
  readonly options: RunOptions;
  readonly emit: (event: Event) => void;
};

/** Judges the plan, refuses what cannot go well, and runs it: here, rung by rung to its end, or on the cluster. */
async function carry(work: Carrying, context: Context): Promise<ExecutedRun | number> {
  const { given, project, named, parts, mirror, options, emit } = work;
  const { loaded, executor } = given;
  const { store, artifacts } = project;
  const { accepts } = named;
  let { planned } = work;
  const points: Points = new Map();
  /** The part of a plan that --until asks for; its runs stand for the same points. */
  const until = (whole: Plan, before?: Plan): Plan => {
    const part = named.until(whole, before);
    for (const [at, run] of part.runs.entries()) {
      points.set(run, planned.points.get(whole.runs[at] as PlannedRun) as DraftedPoint);
    }
    return part;
  };
  const plan = until(planned.plan);
  const tell = (message: string): void => emit({ type: "note", level: "info", message });
  const taken = mirror === undefined ? 0 : await restoreSteps(plan, store, mirror, context.stop);
  if (taken > 0) tell(`took ${plural(taken, "finished step")} back from the mirror`);
  const judge = (part: Plan) => assess(part, parts, previousIngredients(part, artifacts, store));
  const expected = judge(plan);
  const refused = nothingStale(expected, accepts);
  if (refused !== undefined) {
    context.err(`exp run: ${refused}\n`);
    return exit.invalid;
  }
  const problems = problemsOf({ ...planned, plan, points }, expected, project);
  printProblems(problems, options, context);
  if (problems.some(({ severity }) => severity === "error")) return exit.invalid;
  if (executor === "slurm") {
    const { steps } = forecast(planned, { plan, judge, limit: until, dirOf: (key) => storedIn(parts, store, key) });
    if ([...steps.values()].some(({ status }) => status !== "cached")) {
      return submitJobs({ ...planned, plan, points }, { loaded, expected, parts, options, project, emit }, context);
    }
  }

  let sealed: readonly Sealed[] = [];
  const how = { emit, stop: context.stop, force: named.forced, keepGoing: options.keepGoing ?? false };
  const sealing = { points, options, project, context, emit };
  const isWatched = context.tty && options.json !== true && options.quiet !== true;
  const run = async (part: Plan, ended: ReadonlyMap<PlannedStep, Outcome>): Promise<typeof ended> => {
    const onBegun = ({ id }: PlannedStep): void => emit({ type: "step-begun", step: id });
    const watching = isWatched ? { onBegun, onEnd: scoreEvents(part, { ...planned, points }, store, emit) } : {};
    const all = new Map([...ended, ...(await execute(part, parts, { ...how, ...watching, ended }))]);
    sealed = [...sealed, ...finish(part, all, sealing)];
    return all;
  };
  planEvents(plan, expected, emit, points);
  let outcomes = await run(plan, new Map());
  for (let rung = 2; ; rung++) {
    const next = planNext(planned, (step) => outputDir(store, outcomes.get(step)));
    const isOwn = rung === given.place?.rung;
    const part = next && until(isOwn ? onlyAt(next, given.place.at) : next.plan, plan);
    if (next === undefined || part === undefined || part.runs.length === 0) break;
    for (const { step, experiment } of planned.open.filter((choice) => !next.open.includes(choice))) {
      tell(choiceText(experiment, readSelection(outputDir(store, outcomes.get(step)) as string)));
    }
    planned = next;
    planEvents(part, judge(part), emit, points, outcomes);
    outcomes = await run(part, outcomes);
    if (isOwn) break;
  }
  return { project, planned, points, outcomes, sealed };
}

/** What makes the steps: in a job it notes their keys, with a mirror it copies them, and what is scored on test is written down. */
function stepRunnerOf(
  { whole }: Planned,
  {
    given,
    project,
    context,
    options,
    emit,
    mirror,
  }: Pick<Carrying, "given" | "project" | "options" | "emit" | "mirror"> & { readonly context: Context },
): StepRunner {
  const { jobs, shareGpus } = options;
  const bare = createStepRunner(whole, project, context, { emit, jobs, shareGpus });
  const noted = given.frozen === undefined ? bare : withKeys(bare, given.frozen.note);
  const copied =
    mirror === undefined
      ? noted
      : mirroredStepRunner(noted, mirror, ({ id }) =>
          emit({ type: "note", level: "info", message: `${id} resumes from the mirror` }),
        );
  return forcedOnce(withLedger(copied, whole, project.artifacts));
}

/** The project as a job sees it: what is written down names the sources, and not the copies that are read. */
function restored(project: Project, { frozen }: Given, packageRoot: string): Project {
  if (frozen === undefined) return project;
  const named = portableBelow(project.root, packageRoot);
  const portable = <T>(value: T): T => named(renamed(value, frozen.back));
  return { ...project, site: { ...project.site, portable } };
}

/** The part of a rung that one of its runs is made of. */
function onlyAt({ plan, points }: Planned, at: number): Plan {
  const climbing = plan.runs.filter((run) => points.get(run)?.rung !== undefined && run.role === "candidate");
  return partOf(plan, climbing.slice(at, at + 1));
}

/** Folder of what is stored for a key. */
function storedIn(parts: StepRunner, store: Store, key: string | null | undefined): string | undefined {
  const hit = typeof key === "string" ? parts.find(key) : undefined;
  return hit !== undefined && "record" in hit ? store.objectDir(hit.record.object) : undefined;
}

function printProblems(problems: readonly Problem[], { json }: RunOptions, context: Context): void {
  for (const one of problems) {
    if (json === true) context.out(`${JSON.stringify(one)}\n`);
    else context.err(`${formatProblem(one, true)}\n`);
  }
}
