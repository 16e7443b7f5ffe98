import type { Diagnostic, SourceText } from "../util/diagnostic.ts";
import { UserError } from "../util/user-error.ts";
import { compileTemplate, type Place, type TemplateFailure, type TemplateValues } from "./template.ts";

/** A case without and with each optional variable, so that both branches of a condition are rendered. */
const samples: readonly TemplateValues[] = [
  { input: "input", labels: [], examples: [] },
  {
    ...{ input: "input", labels: ["label"], candidates: ["label"], predicted: ["label"] },
    examples: [{ input: "input", target: "target", candidates: ["label"], predicted: ["label"] }],
  },
];

/**
 * The first error of a template that is found without data, at its place; undefined for a template without errors.
 * `names` are the names of several input columns.
 */
export function templateError(source: SourceText, names: readonly string[] = []): Diagnostic | undefined {
  let found: Diagnostic | undefined;
  const fail: TemplateFailure = (message, place) => {
    found = diagnostic(source, message, place);
    return new UserError("template", message);
  };
  try {
    const render = compileTemplate(source.text, { names, fail });
    const fields = Object.fromEntries(names.map((name) => [name, name]));
    for (const { examples, ...values } of samples)
      render({ ...values, fields, examples: examples.map((one) => ({ ...one, fields })) });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return found ?? diagnostic(source, error.message, undefined, error);
  }
  return undefined;
}

function diagnostic(
  source: SourceText,
  message: string,
  place: Place | undefined,
  { code, help }: Partial<Pick<UserError, "code" | "help">> = {},
): Diagnostic {
  const lines = source.text.split("\n");
  const before = lines.slice(0, (place?.line ?? 1) - 1).reduce((sum, line) => sum + line.length + 1, 0);
  const start = Math.min(before + (place?.column ?? 1) - 1, source.text.length);
  return {
    ...{ severity: "error", code: code ?? "template", message },
    span: { source, start, end: start },
    ...(help === undefined ? {} : { help }),
  };
}
