import { dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import type { Diagnostic, Result, SourceText } from "../diagnostic/diagnostic.ts";
import { sortDiagnostics } from "../diagnostic/frame.ts";
import { type BundledModels, check, type TrainerKeys } from "./check.ts";
import { type Completed, completer, type ResolvePath } from "./complete.ts";
import { readExtended } from "./extends.ts";
import { type Files, projectRoot, remembering } from "./files.ts";
import { type MapNode, type Value, without } from "./node.ts";
import { resolveTrain } from "./resolve.ts";
import type { Experiment, Select } from "./schema.ts";
import { rootSchema } from "./schema-tree.ts";
import { applySettings } from "./set.ts";
import { sourceText } from "./source.ts";
import { expandSweep } from "./sweep.ts";
import { translate } from "./translate.ts";
import { validateExperiment } from "./validator.ts";

/** What loading needs of the world. */
export type LoadOptions = {
  readonly files: Files;
  /** Settings as typed after --set: "train.rank=32". */
  readonly set?: readonly string[];
  /** Folder that paths in errors are relative to. */
  readonly cwd: string;
  /** Folder of the exp package: its prompts/ stands in for templates that the project lacks. */
  readonly packageRoot: string;
  /** The project root, where the rule is not to find it. */
  readonly root?: string;
  /** Keys of a backend's locked trainer, which `train.overrides` is checked against; undefined: not known. */
  readonly trainerKeys?: TrainerKeys;
  readonly bundledModels: BundledModels;
};

/** One run: the whole file, or one point of its sweep. */
export type Point = {
  readonly experiment: Experiment;
  /** "train.rank=8,train.method=lora": the keys that vary; empty without a sweep. */
  readonly coordinates: string;
  /** Dotted key -> value of every key that the sweep sets. */
  readonly values: Readonly<Record<string, Value>>;
  /** Dotted keys whose values are defaults. */
  readonly defaulted: readonly string[];
};

/** A file, read and found right, with all its runs. */
export type LoadedExperiment = {
  readonly file: string;
  readonly root: string;
  readonly name: string;
  readonly points: readonly Point[];
  /** Present where the file is a sweep. */
  readonly sweep?: { readonly repeated: readonly string[]; readonly select: Select | undefined };
  /** Absolute paths of every YAML file that was read, the experiment's first. */
  readonly sourceFiles: readonly string[];
};

/** Reads, resolves, expands, validates and checks an experiment's file. Everything that is wrong comes back at once. */
export function loadExperiment(path: string, options: LoadOptions): Result<LoadedExperiment> {
  const files = remembering(options.files);
  const file = resolve(options.cwd, path);
  const opened = open(file, files, options.cwd);
  if (!opened.ok) return opened;
  const root = options.root ?? projectRoot(file, files);
  const extended = readExtended(file, opened.value, {
    open: (next) => (files.kind(next) === "file" ? open(next, files, options.cwd) : undefined),
    resolve: (from, written) => resolve(dirname(from), written),
  });
  if (!extended.ok) return { ok: false, diagnostics: sortDiagnostics(extended.diagnostics) };
  const set = applySettings(extended.value.root, options.set ?? []);
  if (!set.ok) return { ok: false, diagnostics: sortDiagnostics(set.diagnostics) };

  const { sources } = extended.value;
  const folders = new Map(sources.map(({ file: from, source }) => [source, dirname(from)]));
  const complete = completer(pathResolver(files, folders, dirname(file), root, options.packageRoot));
  const entry = set.value.entries.get("sweep");
  const base = without(set.value, ["sweep"]);
  const sweep = expandSweep(base, entry?.node, entry?.key);
  const points = sweep.ok ? sweep.value.points : [{ coordinates: "", values: {}, root: base }];
  const diagnostics: Diagnostic[] = sweep.ok ? [] : [...sweep.diagnostics];

  const checks = check({ ...options, files, trainerKeys: options.trainerKeys, isSweep: entry !== undefined });
  const loaded: Point[] = [];
  for (const { root: node, coordinates, values } of points) {
    const completed = complete(node);
    const found = diagnose(node, completed, checks);
    diagnostics.push(...found);
    if (found.some(isError)) continue;
    const { experiment, defaulted } = resolveTrain(completed);
    loaded.push(Object.freeze({ experiment, coordinates, values: Object.freeze(values), defaulted }));
  }
  const sorted = sortDiagnostics(diagnostics);
  const [first] = loaded;
  if (first === undefined || sorted.some(isError)) return { ok: false, diagnostics: sorted };
  return {
    ok: true,
    value: Object.freeze({
      file,
      root,
      name: first.experiment.name,
      points: Object.freeze(loaded),
      ...(sweep.ok && entry ? { sweep: { repeated: sweep.value.repeated, select: sweep.value.select } } : {}),
      sourceFiles: Object.freeze([...new Set(sources.map((source) => source.file))]),
    }),
    warnings: sorted,
  };
}

/** Schema first; then what the schema cannot say, of the sections in which the schema found nothing wrong. */
function diagnose(node: MapNode, completed: Completed, checks: ReturnType<typeof check>): readonly Diagnostic[] {
  const valid = validateExperiment(completed.value);
  const errors = valid ? [] : (validateExperiment.errors ?? []);
  const broken = new Set(errors.map((error) => error.instancePath.split("/")[1] ?? missing(error.params)));
  const translated = translate(errors, node, rootSchema, [], ["extends", "sweep"]);
  return [...translated, ...checks(completed.value as Experiment, node, broken)];
}

function missing(params: Readonly<Record<string, unknown>>): string {
  return String(params.missingProperty ?? "");
}

function open(file: string, files: Files, cwd: string): Result<SourceText> {
  const shown = relative(cwd, file) || file;
  const path = shown.startsWith("..") ? file : shown;
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
