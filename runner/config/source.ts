import type { Diagnostic, Result, SourceText } from "../util/diagnostic.ts";

/** Largest YAML file in bytes: more is not an experiment but data in the wrong place. */
const largestSource = 256 * 1024;

/** A text from a file's bytes: UTF-8, a BOM is dropped. `path` is what errors call it. */
export function sourceText(path: string, bytes: Uint8Array): Result<SourceText> {
  const fail = (code: string, message: string, help: string): Result<SourceText> => {
    const span = { source: { path, text: "" }, start: 0, end: 0 };
    return { ok: false, diagnostics: [{ severity: "error", code, message, span, help } satisfies Diagnostic] };
  };
  if (bytes.length > largestSource) {
    const help = `keep rows and long texts in files of their own; the limit is ${largestSource / 1024} KiB`;
    return fail("file-too-large", `${Math.ceil(bytes.length / 1024)} KiB is too much for an experiment`, help);
  }
  try {
    return { ok: true, value: { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) }, warnings: [] };
  } catch {
    return fail("not-utf8", "this file is not UTF-8 text", "save it as UTF-8");
  }
}
