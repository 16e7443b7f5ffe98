import { parseSynonyms } from "../../data/labels/synonyms.ts";
import type { Synonyms } from "../../data/labels/views.ts";
import type { StepContext } from "../../plugins/step.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";

const source = "data.labels.synonyms";

/** The study's synonym file, if the step has one. Throws UserError that shows every error at its place. */
export function synonymsOf(context: StepContext): Synonyms | undefined {
  return context.hasSource(source) ? readSynonyms(context.source(source)) : undefined;
}

/** Reads a synonym file. Throws UserError that shows every error at its place. */
export function readSynonyms(path: string): Synonyms {
  const result = parseSynonyms({ path, text: readRegularFile(path, "label file").toString("utf8") });
  if (result.ok) return result.value;
  throw new UserError("synonyms", result.diagnostics.map((one) => formatDiagnostic(one)).join("\n"), {
    status: "invalid",
    diagnostics: result.diagnostics,
  });
}
