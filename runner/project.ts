import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import type { Context } from "./commands/context.ts";
import { auditCodes } from "./data/audit.ts";
import { sampleBytes, sampleRows } from "./data/sample.ts";
import type { Diagnostic } from "./diagnostic/diagnostic.ts";
import { formatDiagnostic, toJson } from "./diagnostic/frame.ts";
import { knownShape, shapeOf } from "./estimate/shape.ts";
import { detectMachine, type Machine } from "./execute/devices.ts";
import { pythonSources } from "./execute/imports.ts";
import { type Files, projectRoot } from "./experiment/files.ts";
import { type LoadedExperiment, loadExperiment, type Point, readChain } from "./experiment/load.ts";
import { type PinPlace, pinPlace } from "./experiment/pin.ts";
import type { Experiment } from "./experiment/schema.ts";
import { buildPlan, partOf, withStep } from "./plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "./plan/plan.ts";
import { cacheRoot } from "./setup/cache.ts";
import { lacksPackage, lockFile } from "./setup/environments.ts";
import { bundledModelDir, bundledModels, hubModelDir, modelIsHere } from "./setup/models.ts";
import { nativePrecision } from "./setup/precision.ts";
import { draftsOf, draftsOfCandidate, kinds } from "./steps/index.ts";
import { draftSelect, readSelection } from "./steps/select.ts";
import type { ModelPlace, Site } from "./steps/site.ts";
import { type Digests, openDigests } from "./store/digest.ts";
import { type Access, openStore, type Store } from "./store/store.ts";

/** The filesystem as the front of exp reads it. */
const files: Files = {
  read(path, limit) {
    try {
      return limit === undefined ? readFileSync(path) : readStart(path, limit);
    } catch {
      return undefined;
    }
  },
  kind(path) {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : stat.isDirectory() ? "folder" : "file";
  },
};

function readStart(path: string, limit: number): Uint8Array {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(limit);
    return bytes.subarray(0, readSync(fd, bytes, 0, limit, 0));
  } finally {
    closeSync(fd);
  }
}

/** A project as commands see it: where it is, what it has stored, and the machine that it is on. */
export type Project = {
  readonly root: string;
  readonly artifacts: string;
  readonly digests: Digests;
  readonly store: Store;
  readonly machine: Machine;
  readonly site: Site;
};

/**
 * Opens the project that a folder belongs to. With `trial`, a folder for what is only tried, its store stays as it is; `whole`
 * says that everything is run there, and not only what tokens need.
 */
export async function openProject(
  folder: string,
  context: Context,
  access: Access,
  trial?: string | undefined,
  whole = false,
): Promise<Project> {
  const root = projectRoot(join(folder, "any"), files);
  const artifacts = trial ?? join(root, "artifacts");
  const digests = openDigests(cacheRoot(context.env));
  const machine = await detectMachine();
  return {
    root,
    artifacts,
    digests,
    store: openStore(artifacts, digests, access),
    machine,
    site: siteOf(context, machine, root, trial !== undefined && !whole),
  };
}

function siteOf(context: Context, machine: Machine, root: string, tokensOnly: boolean): Site {
  return {
    version: context.version(),
    recipe: (module) => ({
      ...pythonSources(context.packageRoot, "recipes.common.launch"),
      ...pythonSources(context.packageRoot, module),
    }),
    lock: remembered((environment) => lockFile(environment, context, machine)),
    lacksPackage: (environment, name) => lacksPackage(environment, name, context),
    model: (base, revision) => modelPlace(base, revision, context.env),
    portable: portableBelow(root),
    precision: nativePrecision(machine.gpus),
    shape(base, revision) {
      const known = knownShape(base);
      if (known !== undefined) return known;
      const bytes = files.read(join(modelPlace(base, revision, context.env).dir, "config.json"));
      return bytes && shapeOf(new TextDecoder().decode(bytes));
    },
    isHere: remembered(modelIsHere),
    rows: remembered((file) => {
      const start = files.read(file, sampleBytes);
      return start && sampleRows(file, start, statSync(file).size);
    }),
    template: remembered((file) => {
      const text = new TextDecoder().decode(files.read(file) ?? new Uint8Array());
      return { characters: text.length, listsLabels: /\{\{[^}]*\blabels\b/.test(text) };
    }),
    gpuMemory: smallest(machine.gpus.map(({ memory }) => memory)),
    capability: machine.gpus.map(({ capability }) => capability ?? "").sort()[0],
    tokensOnly,
    uploads: true,
    cores: machine.cores,
    gpus: machine.gpus.length,
  };
}

function smallest(sizes: readonly (number | undefined)[]): number | undefined {
  const known = sizes.filter((size) => size !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Looks once at each file. */
function remembered<T>(look: (file: string) => T): (file: string) => T {
  const known = new Map<string, T>();
  return (file) => {
    if (!known.has(file)) known.set(file, look(file));
    return known.get(file) as T;
  };
}

function modelPlace(base: string, revision: string | undefined, env: Context["env"]): ModelPlace {
  if (base in bundledModels) return { origin: "bundled", dir: bundledModelDir(base, env), files: {} };
  if (!isAbsolute(base)) return { origin: "hub", dir: hubModelDir(base, revision as string, env), files: {} };
  const names = readdirSync(base).filter((name) => statSync(join(base, name)).isFile() && !name.startsWith("."));
  return {
    origin: "local",
    dir: base,
    files: Object.fromEntries(names.map((name) => [`model/${name}`, join(base, name)])),
  };
}

/** Where a file's model is named and pinned, or undefined when what is wrong has been said. */
export function findPin(
  path: string,
  options: Readonly<Record<string, unknown>>,
  context: Context,
): PinPlace | undefined {
  const chain = readChain(path, { files, cwd: context.cwd });
  const place = chain.ok ? pinPlace(chain.value, Object.keys(bundledModels)) : chain;
  if (place.ok) return place.value;
  complain(place.diagnostics, options, context);
  return undefined;
}

/** The absolute paths of an experiment's file and of all that it extends; of itself alone where they cannot be read. */
export function chainOf(path: string, context: Context): readonly string[] {
  const chain = readChain(path, { files, cwd: context.cwd });
  return chain.ok ? chain.value.sources.map(({ file }) => file) : [path];
}

/**
 * Files that were read and found right, or undefined when what is wrong with them has been said. With --json that is what the
 * command prints; where only warnings are to be said, stdout belongs to what the command prints itself, unless they are all that
 * it has to say.
 */
export function loadAll(
  paths: readonly string[],
  options: Readonly<Record<string, unknown>>,
  context: Context,
  { isCheck = false }: { readonly isCheck?: boolean } = {},
): readonly LoadedExperiment[] | undefined {
  const wrong: Diagnostic[] = [];
  const loaded: LoadedExperiment[] = [];
  for (const path of paths) {
    const result = loadExperiment(resolve(context.cwd, path), {
      files,
      cwd: context.cwd,
      packageRoot: context.packageRoot,
      bundledModels,
      auditCodes,
      set: options.set as readonly string[],
      sweep: (options.sweep ?? []) as readonly string[],
      smoke: options.smoke === true,
    });
    wrong.push(...(result.ok ? result.warnings : result.diagnostics));
    if (result.ok) loaded.push(result.value);
  }
  const isWrong = wrong.some(({ severity }) => severity === "error");
  complain(wrong, isWrong || isCheck ? options : {}, context);
  return isWrong ? undefined : loaded;
}

function complain(wrong: readonly Diagnostic[], options: Readonly<Record<string, unknown>>, context: Context): void {
  if (options.json === true) for (const one of wrong) context.out(`${JSON.stringify(toJson(one))}\n`);
  else for (const one of wrong) context.err(`${formatDiagnostic(one, { color: context.color })}\n`);
}

/** A point of an experiment, and the file that declares it. */
export type DraftedPoint = Point & { readonly file: string };

/** A sweep that chooses: the step that does, and what is run for each setting should it win. */
export type Choice = {
  readonly experiment: string;
  readonly step: PlannedStep;
  /** Setting -> the runs that score it on test: one for each seed. */
  readonly finals: ReadonlyMap<string, readonly PlannedRun[]>;
};

/** A plan, and what each of its runs stands for. */
export type Planned = {
  /** What is known to be needed: every run, but of a sweep that chooses those alone that it chooses among. */
  readonly plan: Plan;
  /** The same and all that winners may need: sources are read and frozen for all of it at once. */
  readonly whole: Plan;
  readonly points: ReadonlyMap<PlannedRun, DraftedPoint>;
  readonly choices: readonly Choice[];
};

/** Drafts every run of every file into one plan. */
export function planAll(loaded: readonly LoadedExperiment[], project: Project): Planned {
  const { site, digests } = project;
  const digest = (path: string): string => digests.of(path);
  const drafted = (one: LoadedExperiment, point: Point, experiment: Experiment, chosenBy?: PlannedStep) => ({
    experiment: one.name,
    coordinates: point.coordinates,
    drafts:
      point.isCandidate && chosenBy === undefined
        ? draftsOfCandidate(experiment, site)
        : draftsOf(experiment, site, point.compared, chosenBy !== undefined),
    // The selection that made it the winner is part of what it is.
    ...(chosenBy === undefined ? {} : { shared: new Map([["select", chosenBy]]) }),
    point: { ...point, experiment, file: one.file },
  });
  const first = loaded.flatMap((one) => one.points.map((point) => drafted(one, point, point.experiment)));
  let whole = buildPlan(first, kinds, digest);
  const candidates = whole.runs;
  const left = [...candidates];
  const selections = loaded.map((one): PlannedStep | undefined => {
    const runs = left.splice(0, one.points.length);
    const select = one.sweep?.select;
    if (select === undefined) return undefined;
    const stepOf = (run: number, step: string): string => ((runs[run] as PlannedRun).steps.get(step) as PlannedStep).id;
    const added = withStep(whole, draftSelect(one, select, stepOf, site), kinds, digest);
    whole = added.plan;
    return added.step;
  });

  const last = loaded.flatMap((one, index) =>
    one.points.flatMap((point) =>
      point.final === undefined || selections[index] === undefined
        ? []
        : [drafted(one, point, point.final, selections[index])],
    ),
  );
  whole = buildPlan(last, kinds, digest, whole);
  const all = [...first, ...last];
  const points = new Map(whole.runs.map((run, index) => [run, all[index]?.point as DraftedPoint]));
  const choices = loaded.flatMap(({ name }, index): readonly Choice[] => {
    const step = selections[index];
    if (step === undefined) return [];
    const finals = new Map<string, PlannedRun[]>();
    for (const run of whole.runs.filter(({ steps }) => steps.get("select") === step)) {
      const { setting } = points.get(run) as DraftedPoint;
      finals.set(setting, [...(finals.get(setting) ?? []), run]);
    }
    return [{ experiment: name, step, finals }];
  });
  const plan = partOf(
    whole,
    candidates,
    choices.map(({ step }) => step),
  );
  return { plan, whole, points, choices };
}

/** The runs that score the winners on test, as far as selections are made: `dirOf` gives the folder of what a step has written. */
export function planWinners(
  { whole, choices }: Pick<Planned, "whole" | "choices">,
  dirOf: (step: PlannedStep) => string | undefined,
): Plan {
  const runs = choices.flatMap(({ step, finals }) => {
    const dir = dirOf(step);
    return dir === undefined ? [] : (finals.get(readSelection(dir).winner) ?? []);
  });
  return partOf(whole, runs);
}

/** The run of a plan that a finished run was: of a winner's two, that on the same rows. */
export function runLike(
  { whole }: Pick<Planned, "whole">,
  manifest: { readonly coordinates: string; readonly steps: object },
): PlannedRun | undefined {
  return whole.runs.find(
    ({ coordinates, steps }) =>
      coordinates === manifest.coordinates && steps.has("select") === "select" in manifest.steps,
  );
}

/** Makes values name no machine: replaces absolute paths of what exists by paths relative to the root. Looks once at each. */
function portableBelow(root: string): <T>(value: T) => T {
  const known = new Map<string, string>();
  const shorten = (path: string): string => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const short = existsSync(path) ? relative(root, path) || "." : path;
    known.set(path, short);
    return short;
  };
  const portable = <T>(value: T): T => {
    if (typeof value === "string") return (isAbsolute(value) ? shorten(value) : value) as T;
    if (Array.isArray(value)) return value.map(portable) as T;
    if (typeof value !== "object" || value === null) return value;
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) copy[key] = portable(item);
    return copy as T;
  };
  return portable;
}
