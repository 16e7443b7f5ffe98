import { readFileSync } from "node:fs";
import { type Groups, parseGroups } from "../../data/labels/synonyms.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import { UserError } from "../../util/user-error.ts";
import type { StepContext } from "../plan/step.ts";

const source = "data.labels.groups";

/** The study's groups file, if the step has one. Throws UserError that shows every error at its place. */
export function groupsOf(context: StepContext): Groups | undefined {
  if (!context.hasSource(source)) return undefined;
  const path = context.source(source);
  const result = parseGroups({ path, text: readFileSync(path, "utf8") });
  if (result.ok) return result.value;
  throw new UserError("groups", result.diagnostics.map((one) => formatDiagnostic(one)).join("\n"));
}
