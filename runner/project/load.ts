import { resolve } from "node:path";
import { loadExperiment, readChain } from "../config/load.ts";
import type { LoadedExperiment } from "../config/loaded.ts";
import { type PinPlace, pinPlace } from "../config/pin.ts";
import { auditCodes } from "../data/audit.ts";
import { bundledModels } from "../setup/models.ts";
import { formatDiagnostic, toJson } from "../util/code-frame.ts";
import type { Context } from "../util/context.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import { files } from "./files.ts";

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
