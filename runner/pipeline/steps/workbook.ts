import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { View } from "../../data/labels/views.ts";
import type { Comparison } from "../../evaluation/statistics/comparison.ts";
import type { Gain } from "../../evaluation/statistics/interaction.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { definitionOf } from "../../plugins/metrics/metric.ts";
import type { Site } from "../../plugins/site.ts";
import type { StepContext, StepKind } from "../../plugins/step.ts";
import type { WorkbookFields } from "../../reporting/render/xlsx/field-sheets.ts";
import type { WorkbookAudit } from "../../reporting/render/xlsx/run-and-audit-sheets.ts";
import type { WorkbookArm } from "../../reporting/render/xlsx/score-sheets.ts";
import type { WorkbookSweep } from "../../reporting/render/xlsx/sweep-sheet.ts";
import type { Json } from "../../util/canonical.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import { armNames } from "./arm-names.ts";
import type { Arm } from "./arms.ts";
import { draft } from "./draft.ts";
import { lastScores, readSelection } from "./selection.ts";
import { openMetrics, openTask, scoringFiles, type TaskParams, taskOf, taskParams, withOwnMetrics } from "./task.ts";
import { caseRowsOf, casesOf, confusionsOf, failuresOf, measuredOf } from "./workbook-cases.ts";
import { declaredArm, runOf, warningOf } from "./workbook-runs.ts";

type Params = TaskParams & {
  readonly arms: readonly Arm[];
  readonly primary: { readonly metric: string; readonly view: View };
  readonly config: Experiment;
  /** Compared experiments by name. */
  readonly compared: Readonly<Record<string, Experiment>>;
  readonly exp: string;
};

/** Writes scores, predictions, error analysis, audit and provenance of all arms to one Excel file. */
export const workbook: StepKind<Params> = {
  name: "workbook",
  version: 17,
  cached: true,
  outputs: () => ["workbook.xlsx"],
  async run({ arms, primary, config, compared, exp, ...params }, context) {
    const task = taskOf(params);
    const open = await openTask(params, context);
    const metrics = openMetrics(params, context);
    const names = armNames({ config, compared, arms });
    const nameOf = (arm: Arm): string => names.get(arm) ?? arm;
    const declared = arms.map((arm) => declaredArm(arm, config, compared));
    const { writeWorkbook } = await import("../../reporting/render/xlsx/workbook.ts");
    const notes = await writeWorkbook(join(context.output, "workbook.xlsx"), {
      arms: arms.map((arm) => ({ name: nameOf(arm), ...armOf(arm, primary.view, context) })),
      metrics: [...metrics].map(({ name, higherIsBetter, ...metric }) => ({
        ...{ name, higherIsBetter, definition: definitionOf(metric, params.scoring) },
      })),
      views: task.views,
      caseRows: caseRowsOf(arms, primary.view, { task, open }, context),
      cases: casesOf(arms, primary, { task, metrics, open, nameOf }, context),
      measured: measuredOf(arms, task, context),
      caseView: primary.view,
      hasLabels: task.labels !== undefined,
      ...(context.hasInput("comparison")
        ? { comparison: named(readResult("comparison.json", context.input("comparison")), nameOf) }
        : {}),
      failures: failuresOf(arms, nameOf, context),
      fields: fieldsOf(arms, nameOf, context),
      confusions: confusionsOf(arms, nameOf, context),
      primary,
      runs: declared.map((one) => ({
        ...runOf(one, { primary, predictionKey: task.predictionKey }, context),
        arm: nameOf(one.arm),
      })),
      audit: auditOf(context, task.labels !== undefined),
      ...(context.hasInput("selection") ? { sweep: sweepOf(context) } : {}),
      warning: warningOf(declared),
      provenance: [["exp", exp], ...flatten(config), ...digests(arms, context)],
    });
    context.evidence({ ...notes });
  },
};

/** The settings of the sweep that selected this run. */
function sweepOf(context: StepContext): WorkbookSweep {
  const selection = readSelection(context.input("selection"));
  const { metric, view, rows, n, winner, why } = selection;
  return {
    score: `${metric} (${view}), ${n} ${rows} rows`,
    why,
    settings: lastScores(selection).map(({ setting, values, value, low, high, sd, runs, epochs }) => ({
      ...{
        values,
        value,
        low: low ?? null,
        high: high ?? null,
        sd,
        runs: runs.length,
        epochs,
        isWinner: setting === winner,
      },
    })),
  };
}

function armOf(arm: Arm, view: View, context: StepContext): Omit<WorkbookArm, "name"> {
  const metrics = readResult("metrics.json", context.input(`metrics.${arm}`));
  const {
    views,
    intervals,
    per_label,
    parse_failures,
    out_of_set,
    truncated,
    cardinality,
    classes,
    n,
    judge,
    embedding,
  } = metrics;
  return {
    views,
    intervals,
    labels: per_label ?? {},
    confusion: classes?.[view].confusion,
    facts: [
      { name: "cases", definition: "Evaluated cases", value: n },
      { name: "parse_failures", definition: "Responses that could not be parsed", value: parse_failures.count },
      { name: "truncated", definition: "Responses truncated at max_new_tokens", value: truncated },
      ...fact("judge_failures", "Answers that the judge did not score, which judge_score leaves out", judge?.failed),
      ...fact(
        "embedding_cut",
        "Cases of which embedding_score read the start of a text, which is longer than the model's limit",
        embedding?.cut,
      ),
      ...fact("judge_prompt_tokens", "Tokens that the judge read", judge?.prompt_tokens),
      ...fact("judge_new_tokens", "Tokens that the judge wrote", judge?.new_tokens),
      ...fact(
        "judge_weighted_kappa",
        "Agreement of the judge with people: Cohen's kappa with quadratic weights",
        judge?.agreement?.weighted_kappa.value ?? undefined,
      ),
      ...fact(
        "out_of_set_rate",
        `Proportion of predicted labels that occur in no training row (${view} view)`,
        out_of_set?.[view].rate,
      ),
      ...fact("labels_gold", "Mean number of gold labels per case (basic view)", cardinality?.gold.mean),
      ...fact("labels_predicted", "Mean number of predicted labels per case (basic view)", cardinality?.predicted.mean),
    ],
  };
}

/** Scores by field; none for a task without JSON objects. */
function fieldsOf(arms: readonly Arm[], nameOf: (arm: Arm) => string, context: StepContext): readonly WorkbookFields[] {
  return arms.flatMap((arm) => {
    const { per_field, field_confusions, schema_errors } = readResult("metrics.json", context.input(`metrics.${arm}`));
    if (per_field === undefined) return [];
    return [{ arm: nameOf(arm), rows: per_field, confusions: field_confusions ?? [], errors: schema_errors ?? [] }];
  });
}

/** A number about an arm; none if its task does not have it. */
function fact(name: string, definition: string, value: number | undefined): WorkbookArm["facts"] {
  return value === undefined ? [] : [{ name, definition, value }];
}

/** The findings of the data audit, and the statistics of each split. */
function auditOf(context: StepContext, hasLabels: boolean): WorkbookAudit {
  const { splits, findings } = readResult("audit.json", context.input("audit"));
  const statistics = Object.entries(splits).map(([split, facts]) => [
    split,
    [
      ["rows", facts.rows],
      ...(facts.epoch_rows === undefined ? [] : [["rows in an epoch, with copies", facts.epoch_rows] as const]),
      ...(facts.groups === undefined ? [] : [["groups", facts.groups] as const]),
      ["rows without input", facts.empty_inputs],
      [hasLabels ? "rows without label" : "rows without target", facts.empty_targets],
      ...(hasLabels
        ? ([
            ["distinct labels, raw view", facts.labels_raw],
            ["distinct labels, basic view", facts.labels_basic],
            ["labels per row", facts.labels_per_row],
            ["labels in one row only", facts.labels_once],
            ["labels in fewer than six rows", facts.labels_below_six],
            ["proportion of label occurrences covered by the training split", facts.seen_in_training],
            ["maximum micro-F1 at this coverage", facts.ceiling.micro_f1],
            ["maximum exact match at this coverage", facts.ceiling.exact_match],
          ] as const)
        : []),
      ["words per input, median", facts.words.median],
      ["words per input, maximum", facts.words.max],
    ] as const,
  ]);
  return { splits: Object.fromEntries(statistics), findings };
}

/** A comparison with the display names of its arms. */
function named({ pairs, family, interactions, ...rest }: Comparison, nameOf: (arm: Arm) => string): Comparison {
  const { subject, tests, contrasts } = family;
  const both = <T extends { readonly a: Arm; readonly b: Arm }>(one: T): T => ({
    ...one,
    a: nameOf(one.a),
    b: nameOf(one.b),
  });
  const gain = ({ from, to }: Gain): Gain => ({ from: nameOf(from), to: nameOf(to) });
  return {
    ...rest,
    pairs: pairs.map(both),
    family: {
      ...family,
      subject: nameOf(subject),
      tests: tests.map((test) => ({ ...test, against: nameOf(test.against) })),
      ...(contrasts === undefined ? {} : { contrasts: contrasts.map(both) }),
    },
    ...(interactions === undefined
      ? {}
      : { interactions: interactions.map((one) => ({ ...one, a: gain(one.a), b: gain(one.b) })) }),
  };
}

/** The leaves of the resolved experiment as dotted key and value. */
function flatten(value: Json, path = ""): (readonly [string, string | number])[] {
  if (typeof value === "number") return [[path, value]];
  if (typeof value !== "object" || value === null) return [[path, String(value)]];
  if (Array.isArray(value)) return [[path, value.map((item) => JSON.stringify(item)).join(", ")]];
  return Object.entries(value).flatMap(([key, item]) => flatten(item, path === "" ? key : `${path}.${key}`));
}

function digests(arms: readonly Arm[], context: StepContext): (readonly [string, string])[] {
  const names = ["rows", "analysis", ...arms.flatMap((arm) => [`metrics.${arm}`, `predictions.${arm}`])];
  return names.map((name) => [
    `sha256 of ${name}`,
    createHash("sha256")
      .update(readFileSync(context.input(name)))
      .digest("hex"),
  ]);
}

/** Drafts the workbook over all arms of an experiment. */
export function draftWorkbook(
  experiment: Experiment,
  arms: readonly Arm[],
  site: Site,
  compared: readonly Experiment[],
  isWinner: boolean,
) {
  const { metric, view } = experiment.evaluate.primary;
  const written = draft({
    id: "workbook",
    kind: workbook.name,
    params: {
      arms,
      ...taskParams(experiment),
      primary: { metric, view },
      config: site.portable(experiment),
      compared: site.portable(Object.fromEntries(compared.map((other) => [other.name, other]))),
      exp: site.version,
    },
    sources: scoringFiles(experiment),
    inputs: {
      rows: { step: "data", file: `${experiment.evaluate.split}.jsonl` },
      analysis: { step: "analyse", file: "analysis.json" },
      audit: { step: "data", file: "audit.json" },
      failures: { step: "analyse", file: "failures.jsonl" },
      ...(arms.length > 1 ? { comparison: { step: "compare", file: "comparison.json" } } : {}),
      ...(isWinner ? { selection: { step: "select", file: "selection.json" } } : {}),
      ...Object.fromEntries(
        arms.flatMap((arm) => [
          [`metrics.${arm}`, { step: stepOfArm("evaluate", arm), file: "metrics.json" }],
          [`predictions.${arm}`, { step: stepOfArm("evaluate", arm), file: "predictions.jsonl" }],
        ]),
      ),
    },
  });
  return withOwnMetrics(written, experiment, site);
}
