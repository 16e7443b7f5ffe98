import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replayNotice } from "../../config/replay-notice.ts";
import { isSmoke, smokeWarning } from "../../config/smoke.ts";
import type { View } from "../../data/labels/views.ts";
import { compareParts } from "../../evaluation/compare-parts.ts";
import type { Failure } from "../../evaluation/error-analysis/analyse.ts";
import type { CaseAnswer, Comparison } from "../../evaluation/statistics/comparison.ts";
import type { Gain } from "../../evaluation/statistics/interaction.ts";
import { scoresOf } from "../../evaluation/statistics/packed.ts";
import type { RecordedAnswers } from "../../plugins/engines/engine.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { definitionOf } from "../../plugins/metrics/metric.ts";
import type { Site } from "../../plugins/site.ts";
import type { StepContext, StepKind } from "../../plugins/step.ts";
import type { OpenTask, Task } from "../../plugins/tasks/task.ts";
import { verdictOf, type WorkbookCaseRow } from "../../reporting/render/xlsx/by-case-sheet.ts";
import type { WorkbookCase } from "../../reporting/render/xlsx/case-sheet.ts";
import type { WorkbookConfusions } from "../../reporting/render/xlsx/confusion-sheets.ts";
import type { WorkbookFailures } from "../../reporting/render/xlsx/failure-sheet.ts";
import type { WorkbookAudit, WorkbookRun } from "../../reporting/render/xlsx/run-and-audit-sheets.ts";
import type { WorkbookArm } from "../../reporting/render/xlsx/score-sheets.ts";
import { labelSeparator } from "../../reporting/render/xlsx/sheet.ts";
import type { WorkbookSweep } from "../../reporting/render/xlsx/sweep-sheet.ts";
import type { Json } from "../../util/canonical.ts";
import { parseArm, stepOfArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import { readPredictions } from "./answer.ts";
import { armNames } from "./arm-names.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { readJsonLines } from "./jsonl.ts";
import { lastScores, readSelection } from "./selection.ts";
import { openTask, scoringFiles, type TaskParams, taskOf, taskParams } from "./task.ts";

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
  version: 14,
  cached: true,
  outputs: () => ["workbook.xlsx"],
  async run({ arms, primary, config, compared, exp, ...params }, context) {
    const task = taskOf(params);
    const open = await openTask(params, context);
    const names = armNames({ config, compared, arms });
    const nameOf = (arm: Arm): string => names.get(arm) ?? arm;
    const declared = arms.map((arm) => declaredArm(arm, config, compared));
    const { writeWorkbook } = await import("../../reporting/render/xlsx/workbook.ts");
    const notes = await writeWorkbook(join(context.output, "workbook.xlsx"), {
      arms: arms.map((arm) => ({ name: nameOf(arm), ...armOf(arm, primary.view, context) })),
      metrics: [...task.metrics].map(({ name, higherIsBetter, ...metric }) => ({
        ...{ name, higherIsBetter, definition: definitionOf(metric, params.scoring) },
      })),
      views: task.views,
      caseRows: caseRowsOf(arms, primary.view, { task, open }, context),
      cases: casesOf(arms, primary, { task, open, nameOf }, context),
      caseView: primary.view,
      hasLabels: task.labels !== undefined,
      ...(context.hasInput("comparison")
        ? { comparison: named(readResult("comparison.json", context.input("comparison")), nameOf) }
        : {}),
      failures: failuresOf(arms, nameOf, context),
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
  const { views, intervals, per_label, parse_failures, out_of_set, truncated, cardinality, classes, n } = metrics;
  return {
    views,
    intervals,
    labels: per_label ?? {},
    confusion: classes?.[view].confusion,
    facts: [
      { name: "cases", definition: "Evaluated cases", value: n },
      { name: "parse_failures", definition: "Responses that could not be parsed", value: parse_failures.count },
      { name: "truncated", definition: "Responses truncated at max_new_tokens", value: truncated },
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

/** A number about an arm; none if its task does not have it. */
function fact(name: string, definition: string, value: number | undefined): WorkbookArm["facts"] {
  return value === undefined ? [] : [{ name, definition, value }];
}

/** An arm with the experiment that declares it, and its name there. */
type DeclaredArm = { readonly arm: Arm; readonly own: Arm; readonly experiment: Experiment };

function declaredArm(arm: Arm, config: Experiment, compared: Params["compared"]): DeclaredArm {
  const { arm: own, experiment: other } = parseArm(arm);
  const experiment = other === undefined ? config : (compared[other] as Experiment);
  return { arm, own, experiment };
}

const isModel = ({ own }: DeclaredArm): boolean => own === "tuned" || own === "zero_shot";

/** The notice above every sheet. */
function warningOf(declared: readonly DeclaredArm[]): string {
  const names = new Set(declared.map(({ experiment }) => experiment.name).filter(isSmoke));
  return [...[...names].map(smokeWarning), replayNotice(declared.flatMap(replayed)) ?? ""].join(" ").trim();
}

function replayed(arm: DeclaredArm) {
  const recorded = recordedOf(arm);
  return recorded === undefined ? [] : [{ experiment: arm.experiment.name, made_by: recorded.made_by }];
}

/** The file with the answers of an arm, if they were recorded before the run. */
function recordedOf(arm: DeclaredArm): RecordedAnswers | undefined {
  const { experiment, own } = arm;
  return isModel(arm) ? engines.find(experiment.generate.engine)?.recorded?.(experiment, own) : undefined;
}

function runOf(
  declared: DeclaredArm,
  { primary, predictionKey }: Pick<Params, "primary"> & { readonly predictionKey: string },
  context: StepContext,
): Omit<WorkbookRun, "arm"> {
  const { arm, experiment } = declared;
  const metrics = readResult("metrics.json", context.input(`metrics.${arm}`));
  const predictions = readPredictions(context.input(`predictions.${arm}`), predictionKey);
  const total = (key: "prompt_tokens" | "new_tokens") =>
    predictions.every((one) => one[key] === undefined)
      ? undefined
      : predictions.reduce((sum, one) => sum + (one[key] ?? 0), 0);
  const interval = metrics.intervals[primary.view][primary.metric];
  return {
    experiment: experiment.name,
    ...(isModel(declared) ? { model: experiment.model.base, revision: experiment.model.revision } : {}),
    training: trainingText(declared),
    source: sourceOf(declared),
    cases: metrics.n,
    value: metrics.views[primary.view][primary.metric] ?? undefined,
    low: interval?.low,
    high: interval?.high,
    prompt_tokens: total("prompt_tokens"),
    new_tokens: total("new_tokens"),
  };
}

function trainingText({ own, experiment: { train, generate } }: DeclaredArm): string {
  if (own !== "tuned" || train === undefined) return "none";
  const { backend, method, learning_rate, epochs, batch_size, gradient_accumulation, seed } = train;
  const rank = train.method === "full" ? "" : `, rank ${train.rank}, alpha ${train.alpha}`;
  const text = `${method} with ${backend}${rank}, learning rate ${learning_rate}, ${epochs} epochs, effective batch size ${batch_size * gradient_accumulation}, seed ${seed}`;
  return engines.find(generate.engine)?.runsModel === false ? `declared, not executed: ${text}` : text;
}

function sourceOf(arm: DeclaredArm): string {
  if (!isModel(arm)) return arm.own;
  const recorded = recordedOf(arm);
  if (recorded === undefined) return arm.experiment.generate.engine;
  return `replayed from ${recorded.file}${recorded.made_by === null ? "" : ` (origin: ${recorded.made_by})`}`;
}

/** The findings of the data audit, and the statistics of each split. */
function auditOf(context: StepContext, hasLabels: boolean): WorkbookAudit {
  const { splits, findings } = readResult("audit.json", context.input("audit"));
  const statistics = Object.entries(splits).map(([split, facts]) => [
    split,
    [
      ["rows", facts.rows],
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

/** Each case with the answers of all arms. Of a prediction, only what the sheet shows is kept in memory. */
function* caseRowsOf(
  arms: readonly Arm[],
  view: View,
  { task, open }: { readonly task: Task; readonly open: OpenTask },
  context: StepContext,
): Generator<WorkbookCaseRow> {
  const { predictionKey, views } = task;
  const written = views[0] as View;
  const golds = new Map<string, readonly string[]>();
  const answers = arms.map((arm) => {
    const own = new Map<string, WorkbookCaseRow["answers"][number]>();
    for (const { id, gold, prediction, parsed } of readPredictions(
      context.input(`predictions.${arm}`),
      predictionKey,
    )) {
      if (!golds.has(id)) golds.set(id, open.parts(gold, written));
      const compared = compareParts(open.parts(gold, view), open.parts(prediction, view), parsed);
      const answer = open.parts(prediction, written).join(labelSeparator);
      own.set(id, { answer, verdict: verdictOf({ parsed, ...compared }, task.labels !== undefined) });
    }
    return own;
  });
  for (const { id, input } of readJsonLines<DataRow>(context.input("rows"))) {
    const gold = golds.get(id);
    if (gold !== undefined) yield { id, input, gold, answers: answers.map((own) => own.get(id) ?? null) };
  }
}

function* casesOf(
  arms: readonly Arm[],
  { metric, view }: { readonly metric: string; readonly view: View },
  { task, open, nameOf }: { readonly task: Task; readonly open: OpenTask; nameOf(arm: Arm): string },
  context: StepContext,
): Generator<WorkbookCase> {
  const { predictionKey, views } = task;
  const written = views[0] as View;
  const failures = new Map(
    readJsonLines<Failure>(context.input("failures")).map((failure) => [`${failure.arm}\0${failure.id}`, failure]),
  );
  const primary = ({ gold, ...answer }: CaseAnswer): number | undefined =>
    scoresOf(open.scorer([{ ...answer, target: gold }])(view), [task.metrics.get(metric)])[metric] ?? undefined;
  for (const arm of arms) {
    for (const one of readPredictions(context.input(`predictions.${arm}`), predictionKey)) {
      const { id, gold, prediction } = one;
      yield {
        ...one,
        arm: nameOf(arm),
        gold: open.parts(gold, written),
        prediction: open.parts(prediction, written),
        ...compareParts(open.parts(gold, view), open.parts(prediction, view), one.parsed),
        ...(task.labels === undefined ? { primary: primary(one) } : {}),
        categories: failures.get(`${arm}\0${id}`)?.categories ?? [],
        causes: causeTexts(failures.get(`${arm}\0${id}`)),
      };
    }
  }
}

/** The causes of each wrong label of a case: "renal cyst: negated". */
function causeTexts(failure: Failure | undefined): readonly string[] {
  return (failure?.causes ?? []).map(({ label, causes }) => `${label}: ${causes.join(", ") || "none"}`);
}

/** The error categories and causes of each arm with counts and examples. */
function failuresOf(
  arms: readonly Arm[],
  nameOf: (arm: Arm) => string,
  context: StepContext,
): readonly WorkbookFailures[] {
  const analysis = readResult("analysis.json", context.input("analysis"));
  const failures = new Map(
    readJsonLines<Failure>(context.input("failures")).map((failure) => [`${failure.arm}\0${failure.id}`, failure]),
  );
  return arms.flatMap((arm) => {
    const own = analysis.arms[arm];
    if (own === undefined) return [];
    const categories = own.categories.map((category) => ({
      ...category,
      examples: category.examples.map((one) => ({ ...one, causes: causeTexts(failures.get(`${arm}\0${one.id}`)) })),
    }));
    return [{ arm: nameOf(arm), wrong: own.wrong, categories, ...(own.causes ? { causes: own.causes.counts } : {}) }];
  });
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

/** Labels in place of others; nothing for a task with one label a case, which has a confusion matrix. */
function confusionsOf(
  arms: readonly Arm[],
  nameOf: (arm: Arm) => string,
  context: StepContext,
): readonly WorkbookConfusions[] {
  const analysis = readResult("analysis.json", context.input("analysis"));
  return arms.flatMap((arm) => {
    const hasMatrix = readResult("metrics.json", context.input(`metrics.${arm}`)).classes != null;
    const pairs = analysis.arms[arm]?.confusions.pairs;
    return pairs === undefined || hasMatrix ? [] : [{ arm: nameOf(arm), pairs }];
  });
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
  return draft({
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
}
