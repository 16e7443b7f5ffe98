import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { renamed } from "../cluster/freeze.ts";
import { type Assessed, assess } from "../execute/assess.ts";
import type { Event } from "../execute/event.ts";
import { execute, type Machinery, type Outcome } from "../execute/scheduler.ts";
import { staleResults } from "../execute/stale.ts";
import type { LoadedExperiment } from "../experiment/load.ts";
import { isSmoke } from "../experiment/smoke.ts";
import { isBetter } from "../metrics/metrics.ts";
import { mirrored, takeBack } from "../mirror/mirrored.ts";
import { partOf, upTo } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import type { StoreRecord } from "../plan/record.ts";
import { type Json, StepFailed } from "../plan/step.ts";
import {
  type DraftedPoint,
  loadAll,
  openProject,
  type Planned,
  type Project,
  planAll,
  planWinners,
} from "../project.ts";
import { ablationText } from "../show/ablation.ts";
import { chooseReporter } from "../show/choose.ts";
import { publishReporter } from "../show/publish.ts";
import { plural } from "../show/quantity.ts";
import type { ArmMetrics } from "../steps/evaluate.ts";
import { readSelection, type Selection } from "../steps/select.ts";
import type { Store } from "../store/store.ts";
import { formerIngredients } from "../study/former.ts";
import { recordLook } from "../study/ledger.ts";
import type { Manifest } from "../study/manifest.ts";
import { openProvenance, seedsIn } from "../study/provenance.ts";
import { makeLatest, type Sealing, seal } from "../study/seal.ts";
import { ablations, type Sealed } from "./ablations.ts";
import { type Act, type Context, exit } from "./context.ts";
import { machineryFor } from "./machinery.ts";
import { closeMirror, openMirror, wrongMirror } from "./mirror.ts";
import { isCalled, nothingStale, unknownStep } from "./named.ts";
import { formatProblem, type Problem, problemsOf } from "./problems.ts";
import { submit, type Work } from "./submit.ts";
import { runSummary } from "./summary.ts";
import { uploadAll } from "./upload-all.ts";

/** Options of `exp run`, by their long names. */
export type RunOptions = {
  readonly set: readonly string[];
  readonly sweep?: readonly string[];
  readonly force: readonly string[];
  readonly acceptStale: readonly string[];
  readonly until?: string;
  readonly jobs?: string;
  readonly shareGpus?: boolean;
  /** Where steps run, whatever the experiments say. */
  readonly executor?: string;
  readonly mirror?: string;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** False by --no-upload. */
  readonly upload: boolean;
  /** Of `exp reproduce`: the folder of a store of its own, and the one run of a sweep that is wanted. */
  readonly artifacts?: string;
  readonly only?: Pick<Manifest, "coordinates" | "steps">;
};

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
  };
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
  );
  const site = { ...project.site, uploads: options.upload, elsewhere: executor === "slurm" };
  const planned = planAll(loaded, { ...project, site });
  given.frozen?.check(planned.whole);
  const named = nameSteps(planned.whole, options, context);
  if (named === undefined) return exit.invalid;
  const { until, forced, accepts } = named;
  const plan = until(planned.plan);
  const { store, artifacts } = project;

  const wrong = options.mirror === undefined ? undefined : wrongMirror(options.mirror, project, context);
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
  const own = machineryFor(planned.whole, project, inside, { emit, jobs, shareGpus: options.shareGpus });
  const through = mirror === undefined ? own : mirrored(own, mirror, ({ id }) => tell(`${id} goes on from the mirror`));
  const parts = { ...forcedOnce(withLedger(through, planned.whole, artifacts)), stale: staleResults(store, accepts) };

  let outcomes: ReadonlyMap<PlannedStep, Outcome>;
  let sealed: readonly Sealed[] = [];
  try {
    const taken = mirror === undefined ? 0 : await takeBack(plan, store, mirror, context.stop);
    if (taken > 0) tell(`took ${plural(taken, "finished step")} back from the mirror`);
    const expected = assess(plan, parts, formerIngredients(plan, artifacts, store));
    const refused = nothingStale(expected, accepts);
    if (refused !== undefined) {
      context.err(`exp run: ${refused}\n`);
      return exit.invalid;
    }
    const problems = problemsOf({ ...planned, plan }, expected, project);
    sayProblems(problems, options, context);
    if (problems.some(({ severity }) => severity === "error")) return exit.invalid;
    if (executor === "slurm") {
      const chosen = planWinners(planned, (step) => storedIn(parts, store, expected.get(step)?.key));
      const winners = until(chosen, plan).runs;
      const all = partOf(planned.whole, [...plan.runs, ...winners], plan.steps);
      const known = winners.length === 0 ? expected : assess(all, parts, formerIngredients(all, artifacts, store));
      if ([...known.values()].some(({ status }) => status !== "cached")) {
        return await handOver({ ...planned, plan }, { loaded, expected, parts, options, project, emit }, context);
      }
    }
    const how = { emit, stop: context.stop, force: forced, keepGoing: options.keepGoing ?? false };
    const sealing = { points: planned.points, options, project, context, emit };
    tellPlan(plan, expected, emit);
    const isWatched = context.tty && options.json !== true && options.quiet !== true;
    outcomes = await execute(plan, parts, isWatched ? { ...how, onEnd: tellScores(planned, store, emit) } : how);
    sealed = finish(plan, outcomes, sealing);
    const winners = until(
      planWinners(planned, (step) => builtIn(store, outcomes.get(step))),
      plan,
    );
    if (winners.runs.length > 0) {
      for (const { step, experiment } of planned.choices) {
        const dir = builtIn(store, outcomes.get(step));
        if (dir !== undefined) tell(winnerText(experiment, readSelection(dir)));
      }
      tellPlan(winners, assess(winners, parts, formerIngredients(winners, artifacts, store)), emit, outcomes);
      outcomes = new Map([...outcomes, ...(await execute(winners, parts, { ...how, ended: outcomes }))]);
      sealed = [...sealed, ...finish(winners, outcomes, sealing)];
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
  const asking = sealed.filter(({ run }) => planned.points.get(run)?.experiment.upload !== undefined);
  const uploaded = options.upload ? await uploadAll(asking, { project, context, options }) : exit.done;
  return [...outcomes.values()].every(isThere) ? uploaded : exit.failed;
}

/** Fetches the weights here, where there is a network, and gives everything else to Slurm. */
async function handOver(
  planned: Planned,
  {
    loaded,
    expected,
    parts,
    options,
    project,
    emit,
  }: Pick<Work, "loaded" | "expected" | "project"> & {
    readonly parts: Machinery;
    readonly options: RunOptions;
    readonly emit: (event: Event) => void;
  },
  context: Context,
): Promise<number> {
  const needed = upTo(planned.plan, ({ kind }) => kind.name === "fetch");
  const fetched = await execute(needed, parts, {
    emit: (event) => (event.type === "step-end" && event.status === "reused" ? undefined : emit(event)),
    stop: context.stop,
    force: () => false,
    keepGoing: false,
  });
  if (![...fetched.values()].every(isThere)) return exit.failed;
  const { set, acceptStale, until, jobs, shareGpus, upload } = options;
  const frozen = {
    ...{ set, acceptStale, upload, keepGoing: options.keepGoing === true },
    ...(until === undefined ? {} : { until }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(shareGpus === undefined ? {} : { shareGpus }),
  };
  const shown = { json: options.json === true, quiet: options.quiet === true };
  try {
    await submit({ ...planned, loaded, expected, options: frozen, project, ...shown }, context);
    return exit.done;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    context.err(
      `exp run: ${error.message} [${error.code}]\n${error.help === undefined ? "" : `  help: ${error.help}\n`}`,
    );
    return exit.failed;
  }
}

/** Where steps may run. */
type Executor = "local" | "slurm";

/** Where all of these files' steps run, or why that cannot be. */
function executorOf(
  loaded: readonly LoadedExperiment[],
  { executor, force, mirror }: RunOptions,
): Executor | { readonly wrong: string } {
  if (executor !== undefined && executor !== "local" && executor !== "slurm") {
    return { wrong: `--executor takes local or slurm, not "${executor}"` };
  }
  const written = loaded.flatMap(({ points }) => points.map(({ experiment }) => experiment.resources.executor));
  const wanted = executor === undefined ? [...new Set(written)] : [executor];
  if (wanted.length > 1)
    return { wrong: "some of these say executor: local and some slurm; --executor decides for all" };
  if (wanted[0] !== "slurm") return "local";
  if (force.length > 0)
    return { wrong: "--force goes with --executor local: every job of a sweep would force the step anew" };
  if (mirror !== undefined) return { wrong: "--mirror goes with --executor local: a cluster's jobs share one store" };
  return "slurm";
}

/** The project as a job sees it: what is written down names the sources, and not the copies that are read. */
function thawed(project: Project, { frozen }: Given): Project {
  if (frozen === undefined) return project;
  const portable = <T>(value: T): T => project.site.portable(renamed(value, frozen.back));
  return { ...project, site: { ...project.site, portable } };
}

/** A file with one of its runs alone, where one is asked for: it is known who won. */
function onlyRun({ sweep, ...loaded }: LoadedExperiment, only: RunOptions["only"]): LoadedExperiment {
  if (only === undefined) return { ...loaded, ...(sweep === undefined ? {} : { sweep }) };
  const isFinal = "select" in only.steps;
  const points = loaded.points
    .filter(({ coordinates }) => coordinates === only.coordinates)
    .map(({ final, ...point }) => (isFinal && final ? { ...point, experiment: final, isCandidate: false } : point));
  return { ...loaded, points };
}

/** Tells of each score by which a sweep chooses, as soon as it is there: for those who watch. */
function tellScores(
  { plan, points }: Planned,
  store: Store,
  emit: (event: Event) => void,
): (step: PlannedStep, outcome: Outcome) => void {
  const candidates = new Map<PlannedStep, DraftedPoint>();
  for (const run of plan.runs) {
    const point = points.get(run) as DraftedPoint;
    if (!point.isCandidate) continue;
    for (const step of run.steps.values()) if (step.kind.name === "evaluate") candidates.set(step, point);
  }
  return (step, outcome) => {
    const point = candidates.get(step);
    const dir = builtIn(store, outcome);
    if (point === undefined || dir === undefined) return;
    const { metric, view } = point.experiment.evaluate.primary;
    const { views } = JSON.parse(readFileSync(join(dir, "metrics.json"), "utf8")) as ArmMetrics;
    const lowerIsBetter = isBetter(metric, 0, 1);
    emit({ type: "score", run: point.coordinates, metric, value: views[view][metric], lowerIsBetter });
  };
}

/** Tells of the steps of a plan that have not been told of. */
function tellPlan(
  plan: Plan,
  expected: ReadonlyMap<PlannedStep, Assessed>,
  emit: (event: Event) => void,
  told: ReadonlyMap<PlannedStep, unknown> = new Map(),
): void {
  const steps = [...expected].filter(([step]) => !told.has(step));
  const runs = new Map<PlannedStep, string | undefined>();
  for (const { coordinates, steps: own } of plan.runs) {
    for (const step of own.values()) runs.set(step, runs.has(step) || coordinates === "" ? undefined : coordinates);
  }
  const named = (step: PlannedStep) => {
    const run = runs.get(step);
    return run === undefined ? {} : { run };
  };
  emit({
    type: "plan",
    runs: plan.runs.length,
    steps: steps.map(([step, { status, reason }]) => ({
      ...{ id: step.id, kind: step.kind.name, status, reason },
      ...named(step),
    })),
  });
}

/** Folder of what is stored for a key. */
function storedIn(parts: Machinery, store: Store, key: string | null | undefined): string | undefined {
  const hit = typeof key === "string" ? parts.find(key) : undefined;
  return hit !== undefined && "record" in hit ? store.objectDir(hit.record.object) : undefined;
}

/** Folder of what a step has written. */
function builtIn(store: Store, outcome: Outcome | undefined): string | undefined {
  const record = recordIn(outcome);
  return record && store.objectDir(record.object);
}

function recordIn(outcome: Outcome | undefined): StoreRecord | undefined {
  return outcome !== undefined && "record" in outcome ? outcome.record : undefined;
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

function winnerText(experiment: string, { winner, why }: Selection): string {
  return `${experiment}: ${winner === "" ? "the only setting" : winner} is scored on test (${why})`;
}

/** The same machinery, and what has been made in this run is not made again by force: a winner is what it was chosen as. */
function forcedOnce(parts: Machinery): Machinery {
  const made = new Set<string>();
  return {
    ...parts,
    async build(step, known, upstream, options) {
      const built = await parts.build(step, known, upstream, {
        ...options,
        force: options.force && !made.has(known.key),
      });
      made.add(known.key);
      return built;
    },
  };
}

function sayProblems(problems: readonly Problem[], { json }: RunOptions, context: Context): void {
  for (const one of problems) {
    if (json === true) context.out(`${JSON.stringify(one)}\n`);
    else context.err(`${formatProblem(one, true)}\n`);
  }
}

/** The same machinery, and each scoring of a test file that it carries out is written down. */
function withLedger(parts: Machinery, { runs }: Plan, artifacts: string): Machinery {
  const experiments = new Map<PlannedStep, Set<string>>();
  for (const { experiment, steps } of runs) {
    for (const step of steps.values()) experiments.set(step, (experiments.get(step) ?? new Set()).add(experiment));
  }
  return {
    ...parts,
    async build(step, ...rest) {
      const built = await parts.build(step, ...rest);
      if (!built.reused) recordLook(artifacts, step, built.record, [...(experiments.get(step) ?? [])]);
      return built;
    },
  };
}

type Finishing = Pick<Planned, "points"> & {
  readonly options: RunOptions;
  readonly project: Project;
  readonly context: Context;
  readonly emit: (event: Event) => void;
};

/** Seals every run whose steps are all there and says how each run ended. */
function finish(
  plan: Plan,
  outcomes: ReadonlyMap<PlannedStep, Outcome>,
  { points, options: { until, set, sweep = [] }, project, context, emit }: Finishing,
): readonly Sealed[] {
  const records = new Map<PlannedStep, StoreRecord>();
  for (const [step, outcome] of outcomes) {
    if ("record" in outcome && outcome.record !== undefined) records.set(step, outcome.record);
  }
  const provenance = openProvenance({
    exp: context.version(),
    root: project.root,
    gpus: project.machine.gpus as unknown as Json,
  });
  const latest = new Map<string, string>();
  const sealed: Sealed[] = [];
  for (const run of plan.runs) {
    const ends = [...run.steps.values()].map((step) => outcomes.get(step));
    if (!ends.every((outcome) => outcome !== undefined && isThere(outcome))) {
      const interrupted = ends.some((outcome) => outcome?.status === "skipped" && outcome.because === "interrupted");
      emit({ type: "run-end", run: nameOf(run), status: interrupted ? "interrupted" : "failed", manifest: null });
      continue;
    }
    if (until !== undefined) {
      emit({ type: "run-end", run: nameOf(run), status: "done", manifest: null });
      continue;
    }
    const sealing = sealingOf(run, points.get(run) as DraftedPoint, { set, sweep }, project, provenance);
    const { run: name, manifest } = seal(run, records, sealing);
    latest.set(run.experiment, manifest);
    sealed.push({ run, manifest });
    emit({ type: "run-end", run: name, status: "done", manifest });
  }
  for (const manifest of latest.values()) makeLatest(manifest);
  return sealed;
}

function sealingOf(
  run: PlannedRun,
  { experiment, compared, file }: DraftedPoint,
  typed: Pick<Sealing, "set" | "sweep">,
  project: Project,
  provenance: ReturnType<typeof openProvenance>,
): Sealing {
  const { artifacts, store, site, digests } = project;
  const config = site.portable(experiment as unknown as Json);
  return {
    artifacts,
    file: site.portable(file),
    ...typed,
    smoke: isSmoke(experiment.name),
    config,
    compared: site.portable(Object.fromEntries(compared.map((other) => [other.name, other as unknown as Json]))),
    objectDir: (object) => store.objectDir(object),
    stage() {
      const staged = store.stage("run");
      return { dir: staged.dir, discard: () => store.discard(staged) };
    },
    provenance() {
      const environment = experiment.train?.backend ?? "torchtune";
      const lock = site.lock(environment);
      const sources: Record<string, string> = {};
      for (const step of run.steps.values()) {
        for (const [name, path] of Object.entries(step.draft.sources)) {
          if (!name.startsWith("recipes/")) sources[site.portable(path)] = step.sourceDigests[name] as string;
        }
      }
      return provenance({
        locks: { [environment]: { path: lock, sha256: digests.of(lock) } },
        seeds: seedsIn(config),
        sources,
      });
    },
  };
}

function nameOf({ experiment, coordinates }: PlannedRun): string {
  return coordinates === "" ? experiment : `${experiment}/${coordinates}`;
}

function isThere(outcome: Outcome): boolean {
  return outcome.status === "built" || outcome.status === "reused";
}

/** Applies --until, --force and --accept-stale, or says which name is none of the plan's. */
function nameSteps(
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
