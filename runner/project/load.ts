import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { type Files, projectRoot } from "../config/files.ts";
import { loadExperiment, readChain } from "../config/load.ts";
import type { LoadedExperiment } from "../config/loaded.ts";
import { type PinPlace, pinPlaces } from "../config/pin.ts";
import { auditCodes } from "../data/audit.ts";
import { bundledModels } from "../setup/models.ts";
import { formatDiagnostic, toJson } from "../util/code-frame.ts";
import type { Context } from "../util/context.ts";
import type { Diagnostic, Result } from "../util/diagnostic.ts";
import { isInside, linksWithin } from "../util/inside.ts";
import { rememberedPair } from "../util/remember.ts";
import { UserError } from "../util/user-error.ts";
import { originOfClone, originOfLinks } from "./authorship.ts";
import { files } from "./files.ts";
import { modelConfig } from "./model-config.ts";
import {
  fileLines,
  foreignResults,
  metricFilesOf,
  namedFiles,
  originOfStudy,
  privilegesOf,
  requireTrust,
  type TrustRequest,
} from "./trust.ts";

/** What the command line changes in experiments. */
export type Overrides = {
  /** "key=value" */
  readonly set?: readonly string[];
  /** "key=value,value" */
  readonly sweep?: readonly string[] | undefined;
  readonly smoke?: boolean;
  /** Whether the user allows the privileges that a foreign study needs. */
  readonly trust?: boolean;
  /** Where settings come from, if it is not the user: the place that a run was pulled from. */
  readonly origin?: string | undefined;
};

/**
 * Where a file names and pins its model. Throws UserError `invalid-experiment`, and `untrusted` if a foreign study
 * reads or pins a file outside it.
 */
export function findPins(name: string, trust: boolean, context: Context): readonly PinPlace[] {
  const path = resolve(context.cwd, name);
  const root = projectRoot(path, files);
  const outside = new Set<string>();
  const chain = readChain(path, { files: watched(files, root, outside), cwd: context.cwd });
  const places = chain.ok ? pinPlaces(chain.value, Object.keys(bundledModels)) : chain;
  const changed = places.ok ? places.value.filter(({ file }) => !isInside(file, root)) : [];
  const privileges = [
    ...fileLines(outside, root),
    ...new Set(changed.map(({ file }) => `exp pin changes a file outside the study: ${JSON.stringify(file)}`)),
  ];
  const sources = (): readonly string[] => chainOf(path, context);
  const links = linksTo(outside, root);
  expectPermission({ name, root, origin: undefined, privileges, sources, links }, trust, context);
  if (places.ok) return places.value;
  throw invalid(places.diagnostics);
}

/** The absolute paths of an experiment's file and of all that it extends; its own path only if they cannot be read. */
export function chainOf(path: string, context: Context): readonly string[] {
  const chain = readChain(path, { files, cwd: context.cwd });
  return chain.ok ? chain.value.sources.map(({ file }) => file) : [path];
}

/**
 * Reads and validates experiment files. Prints warnings with `warn`, by default on stderr. Throws UserError
 * `invalid-experiment` with every diagnostic of all files, and `untrusted`.
 */
export function loadAll(
  paths: readonly string[],
  { set = [], sweep = [], smoke = false, trust = false, origin }: Overrides,
  context: Context,
  warn: (warnings: readonly Diagnostic[]) => void = (warnings) => printDiagnostics(warnings, false, context),
): readonly LoadedExperiment[] {
  const diagnostics: Diagnostic[] = [];
  const loaded: LoadedExperiment[] = [];
  for (const name of paths) {
    const path = resolve(context.cwd, name);
    const root = projectRoot(path, files);
    if (/^-|\p{Cc}/u.test(relative(root, path))) {
      throw new UserError(
        "bad-file-name",
        `the name of ${path} starts with a dash, or has a line break or another control character`,
        {
          help: "rename it: manifests and commands contain the name",
          status: "invalid",
        },
      );
    }
    const outside = new Set<string>();
    const result = loadExperiment(path, {
      files: watched(files, root, outside),
      cwd: context.cwd,
      root,
      bundledModels,
      modelConfig: rememberedPair((base, revision) => modelConfig(base, revision, context.env)),
      auditCodes,
      ...{ set, sweep, smoke },
    });
    expectTrust(name, result, { root, outside, origin, trust }, context);
    diagnostics.push(...(result.ok ? result.warnings : result.diagnostics));
    if (result.ok) loaded.push(result.value);
  }
  if (diagnostics.some(({ severity }) => severity === "error")) throw invalid(diagnostics);
  warn(diagnostics);
  return loaded;
}

/** The file system, which adds each file and folder outside the study that is read to `outside`. */
function watched(all: Files, root: string, outside: Set<string>): Files {
  return {
    kind: all.kind,
    size: all.size,
    read(path, limit) {
      const bytes = all.read(path, limit);
      if (bytes !== undefined && !isInside(path, root)) outside.add(path);
      return bytes;
    },
    list(path) {
      const names = all.list(path);
      if (names.length > 0 && !isInside(path, root)) outside.add(path);
      return names;
    },
  };
}

type Loading = {
  readonly root: string;
  readonly outside: ReadonlySet<string>;
  readonly origin: string | undefined;
  readonly trust: boolean;
};

/** Throws UserError `untrusted` if a foreign study needs a privilege that the user has not allowed. */
function expectTrust(
  name: string,
  result: Result<LoadedExperiment>,
  { root, outside, origin, trust }: Loading,
  context: Context,
): void {
  const results = foreignResults(root);
  if (results !== undefined) requireTrust({ ...results, name, root }, trust, context);
  const named = [...outside, ...(result.ok ? namedFiles(result.value) : [])];
  const privileges = result.ok ? privilegesOf(result.value, named) : fileLines(named, root);
  const sources = (): readonly string[] =>
    result.ok
      ? [...result.value.sourceFiles, ...metricFilesOf(result.value)]
      : chainOf(resolve(context.cwd, name), context);
  expectPermission({ name, root, origin, privileges, sources, links: linksTo(named, root) }, trust, context);
}

/** The links of a study on the way to files. Their authors decide which files these are. */
const linksTo = (files: Iterable<string>, root: string): readonly string[] => [
  ...new Set([...files].flatMap((path) => linksWithin(root, path))),
];

type Permission = Omit<TrustRequest, "origin"> & {
  readonly origin: string | undefined;
  /** The files whose authors need the privileges. */
  sources(): readonly string[];
  readonly links: readonly string[];
};

/** Throws UserError `untrusted` if another author's files need privileges that the user has not allowed. */
function expectPermission(
  { origin, sources, links, ...request }: Permission,
  isAllowed: boolean,
  context: Context,
): void {
  if (request.privileges.length === 0) return;
  const existing = sources().filter((path) => existsSync(path));
  const from =
    origin ?? originOfStudy(request.root, existing, links) ?? originOfClone(existing) ?? originOfLinks(links);
  if (from !== undefined) requireTrust({ ...request, origin: from }, isAllowed, context);
}

/** Prints diagnostics: as JSON lines on stdout, or for people on stderr. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], json: boolean, context: Context): void {
  for (const one of diagnostics) {
    if (json) context.out(`${JSON.stringify(toJson(one))}\n`);
    else context.err(`${formatDiagnostic(one, { color: context.color })}\n`);
  }
}

/** The error of an experiment with these diagnostics. */
export function invalid(diagnostics: readonly Diagnostic[]): UserError {
  const message = diagnostics.map(({ message }) => message).join("; ");
  return new UserError("invalid-experiment", message, { status: "invalid", diagnostics });
}
