import type { Diagnostic, Result, SourceText } from "../util/diagnostic.ts";

/** Maximum size of a YAML file in bytes. A larger file contains data, which belongs in a data file. */
const largestSource = 256 * 1024;

/** Decodes the bytes of a file as UTF-8, without a BOM. `path` names the file in errors. */
export function sourceText(path: string, bytes: Uint8Array): Result<SourceText> {
  const fail = (code: string, message: string, help: string): Result<SourceText> => {
    const span = { source: { path, text: "" }, start: 0, end: 0 };
    return { ok: false, diagnostics: [{ severity: "error", code, message, span, help } satisfies Diagnostic] };
  };
  if (bytes.length > largestSource) {
    const help = `move rows and long texts to separate files; the limit is ${largestSource / 1024} KiB`;
    return fail(
      "file-too-large",
      `this file has ${Math.ceil(bytes.length / 1024)} KiB, which is too much for an experiment`,
      help,
    );
  }
  try {
    return { ok: true, value: { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) }, warnings: [] };
  } catch {
    return fail("not-utf8", "this file is not UTF-8 text", "save it as UTF-8");
  }
}
