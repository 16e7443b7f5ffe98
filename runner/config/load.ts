import { basename, dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import type { ErrorObject } from "ajv";
import type { Experiment } from "../plugins/experiment.ts";
import { sortDiagnostics } from "../util/code-frame.ts";
import type { Diagnostic, Result, SourceText, Span } from "../util/diagnostic.ts";
import { fileLimits } from "../util/regular-file.ts";
import { nearest } from "../util/suggest.ts";
import { candidate } from "./candidate.ts";
import { check } from "./check.ts";
import { type Completed, completer, type ResolvePath } from "./complete.ts";
import { dataFiles } from "./data-files.ts";
import { type Extended, readExtended } from "./extends.ts";
import { type Files, projectRoot, remembering } from "./files.ts";
import { overFolds } from "./folds.ts";
import type { LoadedExperiment, LoadOptions, Point } from "./loaded.ts";
import { find, type MapNode, type Node, type Value, without } from "./node.ts";
import { repeatsWithoutEffect } from "./repeat-effect.ts";
import { resolved } from "./resolve.ts";
import { halvingProblem, onRungs, tpeProblem } from "./rungs.ts";
import { experimentSchema } from "./schema.ts";
import { branchFor } from "./schema-visitor.ts";
import { applySettings, applySweeps } from "./set.ts";
import { smoke } from "./smoke.ts";
import { sourceText } from "./source.ts";
import { expandSweep, type Sweep } from "./sweep.ts";
import { translate } from "./translate.ts";
import { experimentErrors } from "./validator.ts";

/** Reads a file and the files that it extends, without settings, sweep, schema or defaults. */
export function readChain(path: string, { files, cwd }: Pick<LoadOptions, "files" | "cwd">): Result<Extended> {
  const file = resolve(cwd, path);
  const display = (one: string) => shownPath(one, cwd);
  const opened = open(file, files, display);
  if (!opened.ok) return opened;
  const extended = readExtended(file, opened.value, {
    open: (next) => (files.kind(next) === undefined ? undefined : open(next, files, display)),
    resolve: (from, written) => resolve(dirname(from), written),
  });
  return extended.ok ? extended : { ok: false, diagnostics: firstErrors(sortDiagnostics(extended.diagnostics)) };
}

/** Reads, resolves, expands, validates and checks an experiment file. Returns every diagnostic. */
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
  const complete = completer(pathResolver(folders, dirname(file), root, files));
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
    modelConfig: options.modelConfig,
    auditCodes: options.auditCodes,
    display,
    select: selectKey(entry?.node),
    file,
    compared,
  });
  const loaded: Point[] = [];
  const written: Experiment[] = [];
  const comparedFiles = new Set<string>();
  for (const { root: node, coordinates, setting, values } of points) {
    const completed = complete(node);
    const found = diagnose(node, completed, checks).filter((one) => sweep.ok || !mayComeFromSweep.has(one.code));
    diagnostics.push(...found);
    if (found.some(isError)) {
      // The points of a sweep have much in common, and mostly the same errors.
      if (diagnostics.length > maxErrors * 10) break;
      continue;
    }
    const { experiment: whole, defaulted } = resolved(completed);
    const experiment = options.smoke === true ? smoke(whole) : whole;
    const select = sweep.ok ? sweep.value.select : undefined;
    const named = experiment.compare.map((path) => compared?.(path));
    for (const other of named) if (other?.ok) for (const one of other.value.sourceFiles) comparedFiles.add(one);
    const others = pointsOf(named);
    const shown = options.smoke === true ? Object.freeze(others.map(smoke)) : others;
    written.push(whole);
    loaded.push(
      Object.freeze({
        experiment: select === undefined ? experiment : candidate(experiment, select),
        ...(select === undefined || experiment.evaluate.split === "validation" ? {} : { final: experiment }),
        isCandidate: select !== undefined,
        ...{ coordinates, setting, values: Object.freeze(values), defaulted, compared: shown },
      }),
    );
  }
  const halving = sweep.ok ? sweep.value.halving : undefined;
  const tpe = sweep.ok ? sweep.value.tpe : undefined;
  const wrong = (halving && halvingProblem(written, halving)) ?? (tpe && tpeProblem(written, tpe));
  if (wrong !== undefined) diagnostics.push(wrong);
  if (sweep.ok && written.length > 0) diagnostics.push(...repeatsWithoutEffect(entry?.node, written));
  if (sweep.ok && entry !== undefined) diagnostics.push(...equalPoints(entry.key, written, loaded));
  const sorted = firstErrors(sortDiagnostics(diagnostics));
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
      sourceFiles: Object.freeze([...new Set([...sources.map((source) => source.file), ...comparedFiles])]),
    }),
    warnings: sorted,
  };
}

/** An error for the first two points of a sweep that are one experiment, for example by two paths of one file. */
function equalPoints(span: Span, experiments: readonly Experiment[], points: readonly Point[]): readonly Diagnostic[] {
  const first = new Map<string, number>();
  for (const [at, experiment] of experiments.entries()) {
    const text = JSON.stringify(experiment);
    const before = first.get(text);
    if (before !== undefined) {
      const names = [before, at].map((one) => points[one]?.coordinates).join(" and ");
      const message = `two points of the sweep are the same experiment: ${names}`;
      const help = "write each value once: equal runs are not independent";
      return [{ severity: "error", code: "out-of-range", message, span, help }];
    }
    first.set(text, at);
  }
  return [];
}

function sweptBy({ repeated, select, halving, tpe }: Sweep): NonNullable<LoadedExperiment["sweep"]> {
  if (tpe !== undefined) {
    const { key: _key, ...kept } = tpe;
    return Object.freeze({ repeated, select, tpe: Object.freeze(kept) });
  }
  if (halving === undefined) return Object.freeze({ repeated, select });
  const { eta, min_epochs } = halving;
  return Object.freeze({ repeated, select, halving: Object.freeze({ eta, min_epochs }) });
}

/**
 * Loads the experiments that `compare` names, each once. Their own `compare` is ignored, and so are --set, --sweep and
 * --smoke: they are checked against the named experiment before --smoke reduces it.
 */
function othersOf({
  set: _set,
  sweep: _sweep,
  smoke: _smoke,
  ...options
}: LoadOptions): (path: string) => Result<LoadedExperiment> {
  const loaded = new Map<string, Result<LoadedExperiment>>();
  return (path) => {
    const known = loaded.get(path) ?? loadExperiment(path, { ...options, alone: true });
    loaded.set(path, known);
    return known;
  };
}

/** The first point of each valid experiment. */
function pointsOf(results: readonly (Result<LoadedExperiment> | undefined)[]): readonly Experiment[] {
  const points = results.flatMap((result) =>
    result?.ok ? result.value.points.slice(0, 1).map((point) => point.experiment) : [],
  );
  return Object.freeze(points);
}

/** Codes of errors that an invalid sweep may cause: its points could have supplied the missing keys. */
const mayComeFromSweep: ReadonlySet<string> = new Set(["missing-key", "unpinned-revision"]);

/** Maximum number of errors that are listed. */
const maxErrors = 100;

/** Sorted diagnostics with at most `maxErrors` errors, and an error that there are more. */
function firstErrors(sorted: readonly Diagnostic[]): readonly Diagnostic[] {
  const errors = sorted.filter(isError);
  const last = errors[maxErrors];
  if (last === undefined) return sorted;
  const kept = new Set(errors.slice(0, maxErrors));
  const message = `there are more errors than these ${maxErrors}`;
  const help = "correct these first";
  return [
    ...sorted.filter((one) => !isError(one) || kept.has(one)),
    { severity: "error", code: "more-errors", message, span: last.span, help },
  ];
}

/** Validates against the schema, then runs the cross-field checks of the sections that the schema accepts. */
function diagnose(node: MapNode, completed: Completed, checks: ReturnType<typeof check>): readonly Diagnostic[] {
  const errors = validationErrors(completed.value, node);
  const broken = new Set(errors.map((error) => error.instancePath.split("/")[1] ?? missing(error.params)));
  const translated = translate(errors.slice(0, maxErrors + 1), node, experimentSchema(), [], ["extends", "sweep"]);
  return [...translated, ...checks(completed.value as Experiment, node, broken)];
}

/** Errors of ajv. It stops at an invalid tag of a union, so the union is validated again with the nearest valid tag. */
function validationErrors(value: Value, node: MapNode): readonly ErrorObject[] {
  const errors = experimentErrors(value);
  const wrong = errors.filter((error) => error.keyword === "discriminator");
  if (wrong.length === 0) return errors;
  const corrected: Record<string, unknown> = { ...(value as object) };
  for (const { instancePath, params } of wrong) {
    const key = instancePath.slice(1);
    const union = experimentSchema().properties?.[key];
    const tag = String(params.tag);
    const branch = union && branchFor(union, node.entries.get(key)?.node, [key]);
    corrected[key] = { ...(corrected[key] as object), [tag]: branch?.properties?.[tag]?.const };
  }
  return [...wrong, ...experimentErrors(corrected)];
}

/** The key `select` of a sweep. */
function selectKey(sweep: Node | undefined): Span | undefined {
  return sweep && find(sweep, ["select"])?.key;
}

function missing(params: Readonly<Record<string, unknown>>): string {
  return String(params.missingProperty ?? "");
}

/** Relative to the working folder if the file is inside, else absolute. */
function shownPath(file: string, cwd: string): string {
  const shown = relative(cwd, file);
  return shown === "" || shown.startsWith("..") ? file : shown;
}

/** Code and message for a path that is no readable file. */
const absence = {
  missing: ["missing-file", "this file does not exist"],
  file: ["missing-file", "this file cannot be read"],
  folder: ["missing-file", "this is a folder, not an experiment"],
  special: ["not-a-regular-file", "this is a device, pipe or socket, not an experiment"],
} as const;

function open(file: string, files: Files, display: (path: string) => string): Result<SourceText> {
  const path = display(file);
  const kind = files.kind(file);
  const bytes = kind === "file" ? files.read(file, fileLimits.experiment + 1) : undefined;
  if (bytes !== undefined) return sourceText(path, bytes);
  const span = { source: { path, text: "" }, start: 0, end: 0 };
  const [code, message] = absence[kind ?? "missing"];
  const help = similarFile(file, files, display) ?? "name the YAML file of an experiment";
  return { ok: false, diagnostics: [{ severity: "error", code, message, span, help }] };
}

/** The experiment that a name without a file may mean: one with nearly this name, in the folder or in experiments/. */
function similarFile(file: string, files: Files, display: (path: string) => string): string | undefined {
  const own = dirname(file);
  const isYaml = (name: string): boolean => /\.ya?ml$/.test(name);
  for (const folder of [own, join(own, "experiments")]) {
    const best = nearest(`${basename(file).replace(/\.ya?ml$/, "")}.yaml`, files.list(folder).filter(isYaml));
    if (best !== undefined) return `did you mean ${display(join(folder, best))}?`;
  }
  return undefined;
}

function isError(diagnostic: Diagnostic): boolean {
  return diagnostic.severity === "error";
}

/**
 * Paths are relative to the YAML file that contains them; `prompts/…` to the project root. The path of data may be a
 * glob.
 */
function pathResolver(folders: ReadonlyMap<SourceText, string>, own: string, root: string, files: Files): ResolvePath {
  return (written, format, source) => {
    const sibling = resolve((source && folders.get(source)) ?? own, written);
    switch (format) {
      case "model-path":
        return isAbsolute(written) || /^\.\.?(\/|$)/.test(written) ? sibling : written;
      case "experiment-path":
        return extname(sibling) === ".yaml" || extname(sibling) === ".yml" ? sibling : `${sibling}.yaml`;
      case "project-path":
        return written.startsWith("prompts/") ? join(root, written) : sibling;
      case "data-path":
        return dataFiles(sibling, files);
      default:
        return sibling;
    }
  };
}
