import { dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import type { ErrorObject } from "ajv";
import { sortDiagnostics } from "../util/code-frame.ts";
import type { Diagnostic, Result, SourceText, Span } from "../util/diagnostic.ts";
import { candidate } from "./candidate.ts";
import { check } from "./check.ts";
import { type Completed, completer, type ResolvePath } from "./complete.ts";
import { type Extended, readExtended } from "./extends.ts";
import { type Files, projectRoot, remembering } from "./files.ts";
import { overFolds } from "./folds.ts";
import type { LoadedExperiment, LoadOptions, Point } from "./loaded.ts";
import { find, type MapNode, type Node, type Value, without } from "./node.ts";
import { resolveTrain } from "./resolve.ts";
import { onRungs, unfitForHalving } from "./rungs.ts";
import { type Experiment, experimentSchema } from "./schema.ts";
import { branchFor } from "./schema-visitor.ts";
import { applySettings, applySweeps } from "./set.ts";
import { smoke } from "./smoke.ts";
import { sourceText } from "./source.ts";
import { expandSweep, type Sweep } from "./sweep.ts";
import { translate } from "./translate.ts";
import { experimentErrors } from "./validator.ts";

/** A file and what it extends, as written: before settings, sweep, schema and defaults. */
export function readChain(path: string, { files, cwd }: Pick<LoadOptions, "files" | "cwd">): Result<Extended> {
  const file = resolve(cwd, path);
  const display = (one: string) => shownPath(one, cwd);
  const opened = open(file, files, display);
  if (!opened.ok) return opened;
  const extended = readExtended(file, opened.value, {
    open: (next) => (files.kind(next) === "file" ? open(next, files, display) : undefined),
    resolve: (from, written) => resolve(dirname(from), written),
  });
  return extended.ok ? extended : { ok: false, diagnostics: sortDiagnostics(extended.diagnostics) };
}

/** Reads, resolves, expands, validates and checks an experiment's file. Everything that is wrong comes back at once. */
export function loadExperiment(path: string, options: LoadOptions): Result<LoadedExperiment> {
  const files = remembering(options.files);
  const file = resolve(options.cwd, path);
  const display = (one: string) => shownPath(one, options.cwd);
  const extended = readChain(path, { files, cwd: options.cwd });
  if (!extended.ok) return extended;
  const root = options.root ?? projectRoot(file, files);
  const settings = applySettings(extended.value.root, options.set ?? []);
  const swept = applySweeps(settings.root, options.sweep ?? []);
  const set = { root: swept.root, diagnostics: [...settings.diagnostics, ...swept.diagnostics] };

  const { sources } = extended.value;
  const folders = new Map(sources.map(({ file: from, source }) => [source, dirname(from)]));
  const complete = completer(pathResolver(files, folders, dirname(file), root, options.packageRoot));
  const spread = overFolds(set.root);
  const entry = spread.entries.get("sweep");
  const base = without(spread, ["sweep"]);
  const sweep = expandSweep(base, entry?.node, entry?.key);
  const points = sweep.ok ? sweep.value.points : [{ coordinates: "", setting: "", values: {}, root: base }];
  const diagnostics: Diagnostic[] = [...set.diagnostics, ...(sweep.ok ? [] : sweep.diagnostics)];

  const compared = options.alone === true ? undefined : othersOf({ ...options, files });
  const checks = check({
    files,
    bundledModels: options.bundledModels,
    auditCodes: options.auditCodes,
    display,
    select: selectKey(entry?.node),
    file,
    compared,
  });
  const loaded: Point[] = [];
  const written: Experiment[] = [];
  for (const { root: node, coordinates, setting, values } of points) {
    const completed = complete(node);
    const found = diagnose(node, completed, checks).filter((one) => sweep.ok || !mayComeFromSweep.has(one.code));
    diagnostics.push(...found);
    if (found.some(isError)) continue;
    const { experiment: whole, defaulted } = resolveTrain(completed);
    const experiment = options.smoke === true ? smoke(whole) : whole;
    const select = sweep.ok ? sweep.value.select : undefined;
    const others = pointsOf(experiment.compare.map((path) => compared?.(path)));
    const beside = options.smoke === true ? Object.freeze(others.map(smoke)) : others;
    written.push(whole);
    loaded.push(
      Object.freeze({
        experiment: select === undefined ? experiment : candidate(experiment, select),
        ...(select === undefined || experiment.evaluate.split === "validation" ? {} : { final: experiment }),
        isCandidate: select !== undefined,
        ...{ coordinates, setting, values: Object.freeze(values), defaulted, compared: beside },
      }),
    );
  }
  const halving = sweep.ok ? sweep.value.halving : undefined;
  const wrong = halving && unfitForHalving(written, halving);
  if (wrong !== undefined) diagnostics.push(wrong);
  const sorted = sortDiagnostics(diagnostics);
  const [first] = loaded;
  if (first === undefined || sorted.some(isError)) return { ok: false, diagnostics: sorted };
  const [lowest, ...further] = halving === undefined ? [loaded] : onRungs(loaded, halving);
  return {
    ok: true,
    value: Object.freeze({
      file,
      root,
      name: first.experiment.name,
      points: Object.freeze(lowest as readonly Point[]),
      ...(halving === undefined ? {} : { rungs: Object.freeze(further) }),
      ...(sweep.ok && entry ? { sweep: sweptBy(sweep.value) } : {}),
      sourceFiles: Object.freeze([...new Set(sources.map((source) => source.file))]),
    }),
    warnings: sorted,
  };
}

function sweptBy({ repeated, select, halving }: Sweep): NonNullable<LoadedExperiment["sweep"]> {
  if (halving === undefined) return Object.freeze({ repeated, select });
  const { eta, min_epochs } = halving;
  return Object.freeze({ repeated, select, halving: Object.freeze({ eta, min_epochs }) });
}

/**
 * Loads the experiments that `compare` names, each once. What they compare themselves with plays no part, and settings of the
 * command line are not for them. They come as they are written, to be checked beside an experiment as it is written.
 */
function othersOf({
  set: _forTheNamedFile,
  sweep: _alsoForIt,
  smoke: _whenChecked,
  ...options
}: LoadOptions): (path: string) => Result<LoadedExperiment> {
  const loaded = new Map<string, Result<LoadedExperiment>>();
  return (path) => {
    const known = loaded.get(path) ?? loadExperiment(path, { ...options, alone: true });
    loaded.set(path, known);
    return known;
  };
}

/** The one point of each experiment that is right. */
function pointsOf(results: readonly (Result<LoadedExperiment> | undefined)[]): readonly Experiment[] {
  const points = results.flatMap((result) =>
    result?.ok ? result.value.points.slice(0, 1).map((point) => point.experiment) : [],
  );
  return Object.freeze(points);
}

/** What a sweep that cannot be expanded may have been about to supply. */
const mayComeFromSweep: ReadonlySet<string> = new Set(["missing-key", "unpinned-revision"]);

/** Schema first; then what the schema cannot say, of the sections in which the schema found nothing wrong. */
function diagnose(node: MapNode, completed: Completed, checks: ReturnType<typeof check>): readonly Diagnostic[] {
  const errors = validationErrors(completed.value, node);
  const broken = new Set(errors.map((error) => error.instancePath.split("/")[1] ?? missing(error.params)));
  const translated = translate(errors, node, experimentSchema(), [], ["extends", "sweep"]);
  return [...translated, ...checks(completed.value as Experiment, node, broken)];
}

/** ajv stops at a wrong tag of a union: what stands beside it is validated as the tag that was most likely meant. */
function validationErrors(value: Value, node: MapNode): readonly ErrorObject[] {
  const errors = experimentErrors(value);
  const wrong = errors.filter((error) => error.keyword === "discriminator");
  if (wrong.length === 0) return errors;
  const mended: Record<string, unknown> = { ...(value as object) };
  for (const { instancePath, params } of wrong) {
    const key = instancePath.slice(1);
    const union = experimentSchema().properties?.[key];
    const tag = String(params.tag);
    const branch = union && branchFor(union, node.entries.get(key)?.node, [key]);
    mended[key] = { ...(mended[key] as object), [tag]: branch?.properties?.[tag]?.const };
  }
  return [...wrong, ...experimentErrors(mended)];
}

/** Where a sweep asks for a winner. */
function selectKey(sweep: Node | undefined): Span | undefined {
  return sweep && find(sweep, ["select"])?.key;
}

function missing(params: Readonly<Record<string, unknown>>): string {
  return String(params.missingProperty ?? "");
}

/** Relative to the working folder where the file lies in it, else absolute. */
function shownPath(file: string, cwd: string): string {
  const shown = relative(cwd, file);
  return shown === "" || shown.startsWith("..") ? file : shown;
}

function open(file: string, files: Files, display: (path: string) => string): Result<SourceText> {
  const path = display(file);
  const bytes = files.kind(file) === "file" ? files.read(file) : undefined;
  if (bytes !== undefined) return sourceText(path, bytes);
  const span = { source: { path, text: "" }, start: 0, end: 0 };
  const message = files.kind(file) === "folder" ? "this is a folder, not an experiment" : "there is no such file";
  const help = "name the YAML file of an experiment";
  return { ok: false, diagnostics: [{ severity: "error", code: "missing-file", message, span, help }] };
}

function isError(diagnostic: Diagnostic): boolean {
  return diagnostic.severity === "error";
}

/** Paths are relative to the YAML that names them, `prompts/…` to the project root or else to the package. */
function pathResolver(
  files: Files,
  folders: ReadonlyMap<SourceText, string>,
  own: string,
  root: string,
  packageRoot: string,
): ResolvePath {
  return (written, format, source) => {
    const beside = resolve((source && folders.get(source)) ?? own, written);
    switch (format) {
      case "model-path":
        return isAbsolute(written) || /^\.\.?(\/|$)/.test(written) ? beside : written;
      case "experiment-path":
        return extname(beside) === ".yaml" || extname(beside) === ".yml" ? beside : `${beside}.yaml`;
      case "project-path": {
        if (!written.startsWith("prompts/")) return beside;
        const project = join(root, written);
        const shipped = join(packageRoot, written);
        return files.kind(project) === undefined && files.kind(shipped) === "file" ? shipped : project;
      }
      default:
        return beside;
    }
  };
}
