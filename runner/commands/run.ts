import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { assess } from "../execute/assess.ts";
import type { Event } from "../execute/event.ts";
import { machinery } from "../execute/machinery.ts";
import { execute, type Machinery, type Outcome } from "../execute/scheduler.ts";
import { Slots } from "../execute/slots.ts";
import { staleResults } from "../execute/stale.ts";
import type { LoadedExperiment } from "../experiment/load.ts";
import { isSmoke } from "../experiment/smoke.ts";
import { mirrored, takeBack } from "../mirror/mirrored.ts";
import { upTo } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import type { StoreRecord } from "../plan/record.ts";
import type { Json } from "../plan/step.ts";
import { type DraftedPoint, loadAll, openProject, type Planned, type Project, planAll } from "../project.ts";
import { cacheRoot } from "../setup/cache.ts";
import { environmentPython } from "../setup/environments.ts";
import { chooseReporter } from "../show/choose.ts";
import { publishReporter } from "../show/publish.ts";
import { plural } from "../show/quantity.ts";
import { tryAcquire } from "../store/lock.ts";
import { formerIngredients } from "../study/former.ts";
import { recordLook } from "../study/ledger.ts";
import type { Manifest } from "../study/manifest.ts";
import { openProvenance, seedsIn } from "../study/provenance.ts";
import { makeLatest, type Sealing, seal } from "../study/seal.ts";
import { type Act, type Context, exit } from "./context.ts";
import { closeMirror, openMirror, wrongMirror } from "./mirror.ts";
import { isCalled, nothingStale, unknownStep } from "./named.ts";
import { formatProblem, type Problem, problemsOf } from "./problems.ts";
import { runSummary } from "./summary.ts";
import { uploadAll } from "./upload-all.ts";

type RunOptions = {
  readonly set: readonly string[];
  readonly force: readonly string[];
  readonly acceptStale: readonly string[];
  readonly until?: string;
  readonly jobs?: string;
  readonly mirror?: string;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** False by --no-upload. */
  readonly upload: boolean;
  /** Of `exp reproduce`: the folder of a store of its own, and the one point of a sweep that is wanted. */
  readonly artifacts?: string;
  readonly coordinates?: string;
};

/** `exp run`: resolves, plans, runs what is missing, and seals each run that is complete. */
export const command: Act = async ([paths], given, context) => {
  const options = given as unknown as RunOptions;
  const jobs = options.jobs === undefined ? undefined : Number(options.jobs);
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs > 0)) {
    context.err(`exp run: --jobs takes a number from 1 on, not "${options.jobs}"\n`);
    return exit.invalid;
  }
  const all = loadAll(paths as string[], given, context);
  if (all === undefined) return exit.invalid;
  const loaded = all.map((one) => onlyPoint(one, options.coordinates));
  const project = await openProject(loaded[0]?.root ?? context.cwd, context, "write", options.artifacts, true);
  const planned = planAll(loaded, { ...project, site: { ...project.site, uploads: options.upload } });
  const named = nameSteps(planned.plan, options, context);
  if (named === undefined) return exit.invalid;
  const { plan, forced, accepts } = named;
  const { store, digests, artifacts } = project;

  const wrong = options.mirror === undefined ? undefined : wrongMirror(options.mirror, project, context);
  if (wrong !== undefined) {
    context.err(`exp run: ${wrong}\n`);
    return exit.invalid;
  }

  const reporter = chooseReporter({ json: options.json === true, quiet: options.quiet === true }, context);
  const published = publishReporter(artifacts, paths as string[]);
  const emit = (event: Event): void => {
    reporter.event(event);
    published.event(event);
  };
  const tell = (message: string): void => emit({ type: "note", level: "info", message });
  store.sweepStaging();
  const mirror = options.mirror === undefined ? undefined : await openMirror(options.mirror, project, context, emit);
  const own = machinery(plan, {
    store,
    digests,
    packageRoot: context.packageRoot,
    stop: context.stop,
    kill: context.kill,
    emit,
    python: (environment) => environmentPython(environment, context),
    slots: new Slots(project.machine, (gpu) => tryAcquire(join(cacheRoot(context.env), "locks", gpu.uuid))),
    jobs: jobs ?? Number.POSITIVE_INFINITY,
  });
  const through = mirror === undefined ? own : mirrored(own, mirror, ({ id }) => tell(`${id} goes on from the mirror`));
  const parts = { ...withLedger(through, plan, artifacts), stale: staleResults(store, accepts) };

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
    emit({
      type: "plan",
      runs: plan.runs.length,
      steps: [...expected].map(([step, { status, reason }]) => ({ id: step.id, kind: step.kind.name, status, reason })),
    });
    outcomes = await execute(plan, parts, {
      emit,
      stop: context.stop,
      force: forced,
      keepGoing: options.keepGoing ?? false,
    });
    sealed = finish({ ...planned, plan }, outcomes, options, project, context, emit);
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
  }
  const uploaded = options.upload ? await uploadAll(sealed, { project, context, options }) : exit.done;
  return [...outcomes.values()].every(isThere) ? uploaded : exit.failed;
};

/** A run whose manifest is written. */
type Sealed = { readonly run: PlannedRun; readonly manifest: string };

/** A file with one of its runs alone, where one is asked for. */
function onlyPoint(loaded: LoadedExperiment, coordinates: string | undefined): LoadedExperiment {
  if (coordinates === undefined) return loaded;
  return { ...loaded, points: loaded.points.filter((point) => point.coordinates === coordinates) };
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

/** Seals every run whose steps are all there and says how each run ended. */
function finish(
  { plan, points }: Planned,
  outcomes: ReadonlyMap<PlannedStep, Outcome>,
  { until, set }: RunOptions,
  project: Project,
  context: Context,
  emit: (event: Event) => void,
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
    const sealing = sealingOf(run, points.get(run) as DraftedPoint, set, project, provenance);
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
  { experiment, file }: DraftedPoint,
  set: readonly string[],
  project: Project,
  provenance: ReturnType<typeof openProvenance>,
): Sealing {
  const { artifacts, store, site, digests } = project;
  const config = site.portable(experiment as unknown as Json);
  return {
    artifacts,
    file: site.portable(file),
    set,
    smoke: isSmoke(experiment.name),
    config,
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
      readonly plan: Plan;
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
  return { plan: until === undefined ? plan : upTo(plan, (step) => isCalled(step, until)), forced, accepts };
}
