import { resolve } from "node:path";
import { loadExperiment, readChain } from "../config/load.ts";
import type { LoadedExperiment } from "../config/loaded.ts";
import { type PinPlace, pinPlace } from "../config/pin.ts";
import { auditCodes } from "../data/audit.ts";
import { bundledModels } from "../setup/models.ts";
import { formatDiagnostic, toJson } from "../util/code-frame.ts";
import type { Context } from "../util/context.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import { UserError } from "../util/user-error.ts";
import { files } from "./files.ts";

/** What the command line changes in experiments. */
export type Overrides = {
  /** "key=value" */
  readonly set?: readonly string[];
  /** "key=value,value" */
  readonly sweep?: readonly string[] | undefined;
  readonly smoke?: boolean;
};

/** Where a file names and pins its model. Throws UserError `invalid-experiment`. */
export function findPin(path: string, context: Context): PinPlace {
  const chain = readChain(path, { files, cwd: context.cwd });
  const place = chain.ok ? pinPlace(chain.value, Object.keys(bundledModels)) : chain;
  if (place.ok) return place.value;
  throw invalid(place.diagnostics);
}

/** The absolute paths of an experiment's file and of all that it extends; its own path only if they cannot be read. */
export function chainOf(path: string, context: Context): readonly string[] {
  const chain = readChain(path, { files, cwd: context.cwd });
  return chain.ok ? chain.value.sources.map(({ file }) => file) : [path];
}

/**
 * Reads and validates experiment files. Prints warnings with `warn`, by default on stderr. Throws UserError
 * `invalid-experiment` with every diagnostic of all files.
 */
export function loadAll(
  paths: readonly string[],
  { set = [], sweep = [], smoke = false }: Overrides,
  context: Context,
  warn: (warnings: readonly Diagnostic[]) => void = (warnings) => printDiagnostics(warnings, false, context),
): readonly LoadedExperiment[] {
  const diagnostics: Diagnostic[] = [];
  const loaded: LoadedExperiment[] = [];
  for (const path of paths) {
    const result = loadExperiment(resolve(context.cwd, path), {
      files,
      cwd: context.cwd,
      packageRoot: context.packageRoot,
      bundledModels,
      auditCodes,
      ...{ set, sweep, smoke },
    });
    diagnostics.push(...(result.ok ? result.warnings : result.diagnostics));
    if (result.ok) loaded.push(result.value);
  }
  if (diagnostics.some(({ severity }) => severity === "error")) throw invalid(diagnostics);
  warn(diagnostics);
  return loaded;
}

/** Prints diagnostics: as JSON lines on stdout, or for people on stderr. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], json: boolean, context: Context): void {
  for (const one of diagnostics) {
    if (json) context.out(`${JSON.stringify(toJson(one))}\n`);
    else context.err(`${formatDiagnostic(one, { color: context.color })}\n`);
  }
}

function invalid(diagnostics: readonly Diagnostic[]): UserError {
  const message = diagnostics.map(({ message }) => message).join("; ");
  return new UserError("invalid-experiment", message, { status: "invalid", diagnostics });
}
