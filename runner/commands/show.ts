import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { View } from "../data/labels/views.ts";
import { readResult } from "../pipeline/result-files.ts";
import { placeOf } from "../project/place.ts";
import { confusionTable } from "../reporting/report/confusion-table.ts";
import { armNaming } from "../reporting/report/display-names.ts";
import { fieldConfusionTable, fieldTable } from "../reporting/report/field-tables.ts";
import { findIntactRun } from "../runs/intact-run.ts";
import { Ablations } from "../runs/run-ablations.ts";
import { subjectOf } from "../runs/run-arms.ts";
import { uploadsOf } from "../runs/upload-record.ts";
import { ablationText } from "../terminal/ablation.ts";
import { decisionText } from "../terminal/decision.ts";
import { errorAnalysisText } from "../terminal/error-analysis.ts";
import { labelTable } from "../terminal/label-table.ts";
import { runSummary } from "../terminal/run-summary.ts";
import { table } from "../terminal/table.ts";
import { trackersText } from "../terminal/trackers.ts";
import { fitted } from "../terminal/wrap.ts";
import { type Context, exit } from "../util/context.ts";
import { defineCommand, required } from "./command.ts";
import { json } from "./common-options.ts";

/** An arm and its display name. */
type Shown = { readonly arm: string; readonly name: string };

/** The most frequent labels of an arm; empty for a task without labels. */
function labelsText(
  folder: string,
  { arm, name }: Shown,
  view: View,
  screen: Pick<Context, "color" | "columns">,
): string {
  const file = join(folder, arm, "metrics.json");
  const rows = existsSync(file) ? readResult("metrics.json", file).per_label?.[view] : undefined;
  return labelTable(rows ?? [], `${name} (${view})`, screen);
}

/** The confusion matrix of an arm, for a task with one label a case; else empty. */
function confusionText(folder: string, { arm, name }: Shown, view: View, { color, columns }: Context): string {
  const file = join(folder, arm, "metrics.json");
  const confusion = existsSync(file) ? readResult("metrics.json", file).classes?.[view].confusion : undefined;
  if (confusion === undefined) return "";
  const { head, rows, align } = confusionTable(confusion);
  return `\nConfusion matrix of ${name} (${view})\n${table([head, ...rows], { align, color, columns })}`;
}

/** Scores by field of an arm, the values that are confused, and why answers are not valid; empty for other tasks. */
function fieldsText(folder: string, { arm, name }: Shown, view: View, { color, columns }: Context): string {
  const file = join(folder, arm, "metrics.json");
  const metrics = existsSync(file) ? readResult("metrics.json", file) : undefined;
  const rows = metrics?.per_field?.[view];
  if (rows === undefined) return "";
  const shown = ({ head, rows: body, align }: ReturnType<typeof fieldTable>): string =>
    table([head, ...body], { align, color, columns });
  const confused = (metrics?.field_confusions ?? []).filter(({ counts }) =>
    counts.some(({ gold, predicted }) => gold !== predicted),
  );
  const errors = metrics?.schema_errors ?? [];
  return [
    `\nFields of ${name} (${view})\n${shown(fieldTable(rows))}`,
    ...confused.map((one) => `\nValues of ${one.field} of ${name}\n${shown(fieldConfusionTable(one))}`),
    ...(errors.length === 0
      ? []
      : [
          `\nWhy answers are not valid\n${table([["error", "answers"], ...errors.map(({ error, count }) => [error, String(count)])], { align: ["left", "right"], color, columns })}`,
        ]),
  ].join("");
}

export const command = defineCommand({
  arguments: {
    run: required(
      "run",
      "A run id, an experiment (for its latest run), a manifest, or the name of a training in a tracker.",
    ),
  },
  options: { json },
  async run({ run: name, json }, context) {
    const { artifacts } = placeOf(context.cwd);
    const run = findIntactRun(name, artifacts, context);
    const { manifest, path } = run;
    if (json) {
      context.out(`${JSON.stringify(manifest, null, 1)}\n`);
      return exit.done;
    }
    const armName = armNaming({ ...manifest, arms: Object.keys(manifest.arms) });
    context.out(runSummary(manifest, dirname(path), artifacts, context));
    const { view } = manifest.config.evaluate.primary;
    const own = { arm: subjectOf(run), name: armName(subjectOf(run)) };
    context.out(confusionText(dirname(path), own, view, context));
    context.out(fitted(labelsText(dirname(path), own, view, context), context));
    context.out(fieldsText(dirname(path), own, view, context));
    const ablation = new Ablations().of(run);
    if (ablation !== undefined) context.out(fitted(ablationText(ablation, context), context));
    context.out(fitted(decisionText(manifest, armName), context));
    context.out(trackersText(manifest, dirname(path), context.cwd));
    for (const { repo, commit, private: isPrivate, at } of uploadsOf(run))
      context.out(`\nuploaded to ${repo}${isPrivate ? " (private)" : ""} on ${at.slice(0, 10)}, commit ${commit}\n`);
    const analysis = join(dirname(path), "analysis.json");
    if (existsSync(analysis))
      context.out(
        `\n${fitted(errorAnalysisText(readResult("analysis.json", analysis), subjectOf(run), context, armName), context)}`,
      );
    return exit.done;
  },
});
