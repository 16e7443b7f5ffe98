import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseGroups } from "../../data/labels/synonyms.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { StepContext } from "../../plugins/step.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";
import { scoringFiles } from "./task.ts";

const source = "data.labels.groups";

/** The study's groups file, as a source of a step; none if it has no such file. */
export function groupsSource(experiment: Experiment): Readonly<Record<string, string>> {
  const path = scoringFiles(experiment)[source];
  return path === undefined ? {} : { [source]: path };
}

/**
 * The input `groups` of a Python step: a JSON file with the labels of each group. No input if the step has no groups
 * file. Throws UserError that shows every error of the groups file at its place.
 */
export function groupsInput(context: StepContext): Readonly<Record<string, string>> {
  if (!context.hasSource(source)) return {};
  const path = context.source(source);
  const result = parseGroups({ path, text: readRegularFile(path, "label file").toString("utf8") });
  if (!result.ok) {
    throw new UserError("groups", result.diagnostics.map((one) => formatDiagnostic(one)).join("\n"), {
      status: "invalid",
      diagnostics: result.diagnostics,
    });
  }
  const members = new Map<string, string[]>();
  for (const [label, groups] of result.value)
    for (const group of groups) members.set(group, [...(members.get(group) ?? []), label]);
  const groups = join(context.work, "groups.json");
  mkdirSync(context.work, { recursive: true });
  writeFileSync(groups, JSON.stringify(Object.fromEntries(members)));
  return { groups };
}
