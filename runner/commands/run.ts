import { readFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { renamed } from "../cluster/freeze.ts";
import type { RungPlace } from "../cluster/submission.ts";
import { assess } from "../execute/assess.ts";
import type { Event } from "../execute/event.ts";
import { execute, type Machinery, type Outcome } from "../execute/scheduler.ts";
import { staleResults } from "../execute/stale.ts";
import type { LoadedExperiment } from "../experiment/loaded.ts";
import { pointOf } from "../experiment/rungs.ts";
import { uploadAll } from "../handin/upload-all.ts";
import { mirrored, takeBack } from "../mirror/mirrored.ts";
import { closeMirror, openMirror, wrongMirror } from "../mirror/open.ts";
import { partOf } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import type { DraftedPoint } from "../project/choice.ts";
import { type Act, type Context, exit } from "../project/context.ts";
import { loadAll } from "../project/load.ts";
import { type Planned, planAll, planNext } from "../project/planned.ts";
import { openProject, type Project } from "../project/project.ts";
import { portableBelow } from "../project/site.ts";
import { ablations, type Sealed } from "../running/ablations.ts";
import { type Executor, executorOf, handOver } from "../running/executor.ts";
import { foresee } from "../running/foreseen.ts";
import { forcedOnce, machineryFor, withKeys, withLedger } from "../running/machinery.ts";
import { nameSteps, nothingStale } from "../running/named.ts";
import type { RunOptions } from "../running/options.ts";
import { builtIn, isThere, recordIn } from "../running/outcome.ts";
import { formatProblem, type Problem, problemsOf } from "../running/problems.ts";
import { finish } from "../running/sealing.ts";
import { choiceText, tellPlan, tellScores } from "../running/telling.ts";
import { ablationText } from "../show/ablation.ts";
import { chooseReporter } from "../show/choose.ts";
import { publishReporter } from "../show/publish.ts";
import { plural } from "../show/quantity.ts";
import { runSummary } from "../show/run.ts";
import { readSelection } from "../steps/selection.ts";
import type { Store } from "../store/store.ts";
import { clashByCase } from "../study/case.ts";
import { formerIngredients } from "../study/former.ts";
import type { Manifest } from "../study/manifest.ts";

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

/** `exp run`: resolves, plans, and runs what is missing here or gives it to Slurm. */
export const command: Act = async ([paths], given, context) => {
  const options = given as unknown as RunOptions;
  const jobs = options.jobs === undefined ? undefined : Number(options.jobs);
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs > 0)) {
    context.err(`exp run: --jobs takes a number from 1 on, not "${options.jobs}"\n`);
    return exit.invalid;
  }
  const all = loadAll(paths as string[], given, context);
  if (all === undefined) return exit.invalid;
  const loaded = all.map((one) => onlyRun(one, options.only));
  const executor = executorOf(loaded, options);
  if (typeof executor !== "string") {
    context.err(`exp run: ${executor.wrong}\n`);
    return exit.invalid;
  }
  return carryOut({ loaded, names: paths as string[], executor }, options, context);
};

/** Plans what was loaded, runs what is missing, and seals each run that is complete. Throws StepFailed where Slurm says no. */
export async function carryOut(given: Given, options: RunOptions, context: Context): Promise<number> {
  const { loaded, executor } = given;
  const inside = { ...context, packageRoot: given.frozen?.packageRoot ?? context.packageRoot };
  const project = thawed(
    await openProject(loaded[0]?.root ?? context.cwd, inside, "write", options.artifacts, true),
    given,
    context.packageRoot,
  );
  const site = { ...project.site, uploads: options.upload, elsewhere: executor === "slurm" };
  let planned = planAll(loaded, { ...project, site });
  given.frozen?.check(planned.whole);
  const named = nameSteps(planned.whole, options, context);
  if (named === undefined) return exit.invalid;
  const { forced, accepts } = named;
  const points = new Map<PlannedRun, DraftedPoint>();
  /** The part of a plan that --until asks for; its runs stand for the same points. */
  const until = (whole: Plan, before?: Plan): Plan => {
    const part = named.until(whole, before);
    for (const [at, run] of part.runs.entries()) {
      points.set(run, planned.points.get(whole.runs[at] as PlannedRun) as DraftedPoint);
    }
    return part;
  };
  const plan = until(planned.plan);
  const { store, artifacts } = project;

  const wrong =
    clashByCase(
      loaded.map(({ name }) => name),
      artifacts,
    ) ?? (options.mirror === undefined ? undefined : wrongMirror(options.mirror, project, context));
  if (wrong !== undefined) {
    context.err(`exp run: ${wrong}\n`);
    return exit.invalid;
  }

  const screen = executor === "slurm" ? { ...context, tty: false } : context;
  const reporter = chooseReporter({ json: options.json === true, quiet: options.quiet === true }, screen);
  const published = publishReporter(artifacts, given.names);
  const emit = (event: Event): void => {
    reporter.event(event);
    published.event(event);
    given.listen?.(event);
  };
  const tell = (message: string): void => emit({ type: "note", level: "info", message });
  store.sweepStaging();
  const mirror = options.mirror === undefined ? undefined : await openMirror(options.mirror, project, context, emit);
  const jobs = options.jobs === undefined ? undefined : Number(options.jobs);
  const bare = machineryFor(planned.whole, project, inside, { emit, jobs, shareGpus: options.shareGpus });
  const own = given.frozen === undefined ? bare : withKeys(bare, given.frozen.note);
  const through = mirror === undefined ? own : mirrored(own, mirror, ({ id }) => tell(`${id} goes on from the mirror`));
  const parts = { ...forcedOnce(withLedger(through, planned.whole, artifacts)), stale: staleResults(store, accepts) };

  let outcomes: ReadonlyMap<PlannedStep, Outcome>;
  let sealed: readonly Sealed[] = [];
  try {
    const taken = mirror === undefined ? 0 : await takeBack(plan, store, mirror, context.stop);
    if (taken > 0) tell(`took ${plural(taken, "finished step")} back from the mirror`);
    const judge = (part: Plan) => assess(part, parts, formerIngredients(part, artifacts, store));
    const expected = judge(plan);
    const refused = nothingStale(expected, accepts);
    if (refused !== undefined) {
      context.err(`exp run: ${refused}\n`);
      return exit.invalid;
    }
    const problems = problemsOf({ ...planned, plan, points }, expected, project);
    sayProblems(problems, options, context);
    if (problems.some(({ severity }) => severity === "error")) return exit.invalid;
    if (executor === "slurm") {
      const { steps } = foresee(planned, { plan, judge, limit: until, dirOf: (key) => storedIn(parts, store, key) });
      if ([...steps.values()].some(({ status }) => status !== "cached")) {
        return await handOver(
          { ...planned, plan, points },
          { loaded, expected, parts, options, project, emit },
          context,
        );
      }
    }
    const how = { emit, stop: context.stop, force: forced, keepGoing: options.keepGoing ?? false };
    const sealing = { points, options, project, context, emit };
    const isWatched = context.tty && options.json !== true && options.quiet !== true;
    const carry = async (part: Plan, ended: ReadonlyMap<PlannedStep, Outcome>): Promise<typeof ended> => {
      const onBegun = ({ id }: PlannedStep): void => emit({ type: "step-begun", step: id });
      const watching = isWatched ? { onBegun, onEnd: tellScores(part, points, store, emit) } : {};
      const all = new Map([...ended, ...(await execute(part, parts, { ...how, ...watching, ended }))]);
      sealed = [...sealed, ...finish(part, all, sealing)];
      return all;
    };
    tellPlan(plan, expected, emit, points);
    outcomes = await carry(plan, new Map());
    for (let rung = 2; ; rung++) {
      const next = planNext(planned, (step) => builtIn(store, outcomes.get(step)));
      const isOwn = rung === given.place?.rung;
      const part = next && until(isOwn ? onlyAt(next, given.place.at) : next.plan, plan);
      if (next === undefined || part === undefined || part.runs.length === 0) break;
      for (const { step, experiment } of planned.open.filter((choice) => !next.open.includes(choice))) {
        tell(choiceText(experiment, readSelection(builtIn(store, outcomes.get(step)) as string)));
      }
      planned = next;
      tellPlan(part, judge(part), emit, points, outcomes);
      outcomes = await carry(part, outcomes);
      if (isOwn) break;
    }
  } finally {
    if (mirror !== undefined) await closeMirror(mirror, context);
    await reporter.close();
    await published.close();
    store.close();
  }
  const last = sealed.at(-1)?.manifest;
  if (last !== undefined && options.json !== true && options.quiet !== true) {
    const manifest = JSON.parse(readFileSync(last, "utf8")) as Manifest;
    context.out(runSummary(manifest, relative(context.cwd, dirname(last)), artifacts, context));
    const world = {
      recordOf: (step: PlannedStep) => recordIn(outcomes.get(step)),
      dirOf: (step: PlannedStep) => builtIn(store, outcomes.get(step)),
    };
    for (const one of ablations(loaded, planned, sealed, world)) context.out(ablationText(one, context));
    await reportWinners(planned, sealed, outcomes, context);
  }
  const asking = sealed.filter(({ run }) => points.get(run)?.experiment.upload !== undefined);
  const uploaded = options.upload ? await uploadAll(asking, { project, context, options }) : exit.done;
  return [...outcomes.values()].every(isThere) ? uploaded : exit.failed;
}

/** The project as a job sees it: what is written down names the sources, and not the copies that are read. */
function thawed(project: Project, { frozen }: Given, packageRoot: string): Project {
  if (frozen === undefined) return project;
  const named = portableBelow(project.root, packageRoot);
  const portable = <T>(value: T): T => named(renamed(value, frozen.back));
  return { ...project, site: { ...project.site, portable } };
}

/** A file with one of its runs alone, where one is asked for: it is known who won, and who came how far. */
function onlyRun(one: LoadedExperiment, only: RunOptions["only"]): LoadedExperiment {
  if (only === undefined) return one;
  const { sweep: _chosen, rungs: _further, ...loaded } = one;
  const found = pointOf(one, only);
  if (found === undefined) return { ...loaded, points: [] };
  const { final, ...point } = found;
  const isWinner = "select" in only.steps && final !== undefined;
  return { ...loaded, points: [isWinner ? { ...point, experiment: final, isCandidate: false } : point] };
}

/** The part of a rung that one of its runs is made of. */
function onlyAt({ plan, points }: Planned, at: number): Plan {
  const climbing = plan.runs.filter((run) => points.get(run)?.rung !== undefined && !run.steps.has("select"));
  return partOf(plan, climbing.slice(at, at + 1));
}

/** Writes the report of each sweep whose winner's run is new: it ends with what was found. */
async function reportWinners(
  { points }: Planned,
  sealed: readonly Sealed[],
  outcomes: ReadonlyMap<PlannedStep, Outcome>,
  context: Context,
): Promise<void> {
  const fresh = sealed.filter(
    ({ run: { steps } }) =>
      steps.has("select") && [...steps.values()].some((step) => outcomes.get(step)?.status === "built"),
  );
  const experiments = new Map(fresh.map((one) => [one.run.experiment, one]));
  for (const { run, manifest } of experiments.values()) {
    const { pdf, html } = (points.get(run) as DraftedPoint).experiment.report;
    if (!pdf && !html) continue;
    const { command: report } = await import("./report.ts");
    await report([[dirname(manifest)]], { html }, { ...context, err: () => {} });
  }
}

/** Folder of what is stored for a key. */
function storedIn(parts: Machinery, store: Store, key: string | null | undefined): string | undefined {
  const hit = typeof key === "string" ? parts.find(key) : undefined;
  return hit !== undefined && "record" in hit ? store.objectDir(hit.record.object) : undefined;
}

function sayProblems(problems: readonly Problem[], { json }: RunOptions, context: Context): void {
  for (const one of problems) {
    if (json === true) context.out(`${JSON.stringify(one)}\n`);
    else context.err(`${formatProblem(one, true)}\n`);
  }
}
