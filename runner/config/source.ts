import type { Diagnostic, Result, SourceText } from "../util/diagnostic.ts";
import { type FileKind, fileLimits, tooLargeHelp, tooLargeMessage } from "../util/regular-file.ts";

/** Decodes the bytes of a file as UTF-8, without a BOM. `path` names the file in errors. */
export function sourceText(path: string, bytes: Uint8Array, kind: FileKind = "experiment"): Result<SourceText> {
  const fail = (code: string, message: string, help: string): Result<SourceText> => {
    const span = { source: { path, text: "" }, start: 0, end: 0 };
    return { ok: false, diagnostics: [{ severity: "error", code, message, span, help } satisfies Diagnostic] };
  };
  if (bytes.length > fileLimits[kind])
    return fail("file-too-large", tooLargeMessage("this file", kind), tooLargeHelp[kind]);
  try {
    return { ok: true, value: { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) }, warnings: [] };
  } catch {
    return fail("not-utf8", "this file is not UTF-8 text", "save it as UTF-8");
  }
}
