import { resolve } from "node:path";
import type { Context } from "../util/context.ts";
import type { Result } from "../util/diagnostic.ts";
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
