import { relative, resolve } from "node:path";
import { dataFiles } from "../config/data-files.ts";
import type { DataFile, DataTable } from "../data/data-table.ts";
import { files } from "../project/files.ts";
import type { Context } from "../util/context.ts";
import type { Diagnostic, Result } from "../util/diagnostic.ts";
import { type FileKind, readRegularFile } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "the file does not exist",
  EACCES: "the file cannot be read: permission denied",
};

/** The content of a file that the command line names. Throws the UserErrors of readRegularFile. */
export function readGivenFile(path: string, kind: FileKind, { cwd }: Pick<Context, "cwd">): Result<Buffer> {
  try {
    return { ok: true, value: readRegularFile(resolve(cwd, path), kind), warnings: [] };
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code = "", message: reason } = error as NodeJS.ErrnoException;
    const message = reasons[code] ?? `the file cannot be read: ${reason}`;
    const span = { source: { path, text: "" }, start: 0, end: 0 };
    return { ok: false, diagnostics: [{ severity: "error", code: "missing-file", message, span }] };
  }
}

/** The rows of a data file that the command line names, or of all files that a glob matches. Throws UserErrors of the readers. */
export async function readGivenTable(
  name: string,
  place: Pick<DataFile, "sheet" | "headerRow">,
  context: Pick<Context, "cwd">,
): Promise<Result<DataTable>> {
  const { readTables } = await import("../data/tables.ts");
  const path = resolve(context.cwd, name);
  const found = dataFiles(path, files);
  const paths = found === path ? [name] : [found].flat().map((one) => relative(context.cwd, one));
  const missing: Diagnostic[] = [];
  const contents = new Map<string, Buffer>();
  for (const one of paths) {
    const file = readGivenFile(one, "data file", context);
    if (file.ok) contents.set(one, file.value);
    else missing.push(...file.diagnostics);
  }
  if (missing.length > 0) return { ok: false, diagnostics: missing };
  return readTables({ paths, read: (one) => contents.get(one) as Buffer, ...place });
}
