import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replayNotice } from "../../config/replay-notice.ts";
import type { Experiment } from "../../config/schema.ts";
import { isSmoke, smokeWarning } from "../../config/smoke.ts";
import { type View, viewOf } from "../../data/labels/views.ts";
import type { Failure } from "../../evaluation/error-analysis/analyse.ts";
import { caseOutcome } from "../../evaluation/metrics/detail.ts";
import type { MetricName } from "../../evaluation/metrics/metrics.ts";
import type { WorkbookCase } from "../../reporting/render/xlsx/case-sheet.ts";
import type { WorkbookFailures } from "../../reporting/render/xlsx/failure-sheet.ts";
import type { WorkbookAudit, WorkbookRun } from "../../reporting/render/xlsx/run-and-audit-sheets.ts";
import type { WorkbookArm } from "../../reporting/render/xlsx/score-sheets.ts";
import type { WorkbookSweep } from "../../reporting/render/xlsx/sweep-sheet.ts";
import type { Json } from "../../util/canonical.ts";
import type { StepContext, StepKind } from "../plan/step.ts";
import { parseArm, stepOfArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import type { Prediction } from "./evaluate.ts";
import { readJsonLines } from "./jsonl.ts";
import { lastScores, readSelection } from "./selection.ts";
import type { Site } from "./site.ts";
import { synonymsOf } from "./synonyms.ts";

type Params = {
  readonly arms: readonly Arm[];
  readonly primary: { readonly metric: MetricName; readonly view: View };
  readonly config: Experiment;
  /** Experiments that this one compares itself with, by name. */
  readonly compared: Readonly<Record<string, Experiment>>;
  readonly exp: string;
};

/** Puts every answer of every arm, the scores and where they come from into one Excel file. */
export const workbook: StepKind<Params> = {
  name: "workbook",
  version: 5,
  cached: true,
  outputs: () => ["workbook.xlsx"],
  async run({ arms, primary, config, compared, exp }, context) {
    const asked = arms.map((arm) => askedOf(arm, config, compared));
    const { writeWorkbook } = await import("../../reporting/render/xlsx/workbook.ts");
    const notes = await writeWorkbook(join(context.output, "workbook.xlsx"), {
      arms: arms.map((arm) => armOf(arm, context)),
      cases: casesOf(arms, primary.view, context),
      caseView: primary.view,
      failures: failuresOf(arms, context),
      primary,
      runs: asked.map((one) => runOf(one, primary, context)),
      audit: auditOf(context),
      ...(context.hasInput("selection") ? { sweep: sweepOf(context) } : {}),
      warning: warningOf(asked),
      provenance: [["exp", exp], ...flatten(config), ...digests(arms, context)],
    });
    context.evidence({ ...notes });
  },
};

/** The settings of the sweep that this run won. */
function sweepOf(context: StepContext): WorkbookSweep {
  const selection = readSelection(context.input("selection"));
  const { metric, view, rows, n, winner, why } = selection;
  return {
    score: `${metric} (${view}), ${n} ${rows} rows`,
    why,
    settings: lastScores(selection).map(({ setting, values, value, low, high, sd, runs, epochs }) => ({
      ...{ values, value, low, high, sd, runs: runs.length, epochs, isWinner: setting === winner },
    })),
  };
}

function armOf(arm: Arm, context: StepContext): WorkbookArm {
  const metrics = readResult("metrics.json", context.input(`metrics.${arm}`));
  const { views, intervals, per_label, parse_failures, out_of_set, truncated, cardinality, n } = metrics;
  return {
    name: arm,
    views,
    intervals,
    labels: per_label,
    facts: [
      { name: "cases", definition: "Cases that were scored", value: n },
      { name: "parse_failures", definition: "Answers in which no label could be read", value: parse_failures.count },
      { name: "truncated", definition: "Answers cut at max_new_tokens", value: truncated },
      {
        name: "out_of_set_rate",
        definition: "Share of predicted labels that no training row has (basic view)",
        value: out_of_set.basic.rate,
      },
      { name: "labels_gold", definition: "Mean number of gold labels a case", value: cardinality.gold.mean },
      {
        name: "labels_predicted",
        definition: "Mean number of predicted labels a case",
        value: cardinality.predicted.mean,
      },
    ],
  };
}

/** An arm with the experiment that it belongs to, and its name there. */
type Asked = { readonly arm: Arm; readonly own: Arm; readonly experiment: Experiment };

function askedOf(arm: Arm, config: Experiment, compared: Params["compared"]): Asked {
  const { arm: own, experiment: other } = parseArm(arm);
  const experiment = other === undefined ? config : (compared[other] as Experiment);
  return { arm, own, experiment };
}

const isModel = ({ own }: Asked): boolean => own === "tuned" || own === "zero_shot";

/** What must stand above every sheet. */
function warningOf(asked: readonly Asked[]): string {
  const names = new Set(asked.map(({ experiment }) => experiment.name).filter(isSmoke));
  return [...[...names].map(smokeWarning), replayNotice(asked.flatMap(replayed)) ?? ""].join(" ").trim();
}

function replayed(asked: Asked) {
  const { generate, name } = asked.experiment;
  return isModel(asked) && generate.engine === "replay"
    ? [{ experiment: name, made_by: generate.made_by ?? null }]
    : [];
}

function runOf(asked: Asked, primary: Params["primary"], context: StepContext): WorkbookRun {
  const { arm, experiment } = asked;
  const metrics = readResult("metrics.json", context.input(`metrics.${arm}`));
  const predictions = readJsonLines<Prediction>(context.input(`predictions.${arm}`));
  const total = (key: "prompt_tokens" | "new_tokens") =>
    predictions.every((one) => one[key] === undefined)
      ? undefined
      : predictions.reduce((sum, one) => sum + (one[key] ?? 0), 0);
  const interval = metrics.intervals[primary.view][primary.metric];
  return {
    experiment: experiment.name,
    arm: asked.own,
    ...(isModel(asked) ? { model: experiment.model.base, revision: experiment.model.revision } : {}),
    training: trainingWords(asked),
    answered_by: answeredBy(asked),
    cases: metrics.n,
    value: metrics.views[primary.view][primary.metric],
    low: interval?.low,
    high: interval?.high,
    prompt_tokens: total("prompt_tokens"),
    new_tokens: total("new_tokens"),
  };
}

function trainingWords({ own, experiment: { train, generate } }: Asked): string {
  if (own !== "tuned" || train === undefined) return "none";
  const { backend, method, learning_rate, epochs, batch_size, gradient_accumulation, seed } = train;
  const rank = train.method === "full" ? "" : `, rank ${train.rank}, alpha ${train.alpha}`;
  const words = `${method} by ${backend}${rank}, learning rate ${learning_rate}, ${epochs} epochs, ${batch_size * gradient_accumulation} rows a step, seed ${seed}`;
  return generate.engine === "replay" ? `declared, not carried out: ${words}` : words;
}

function answeredBy(asked: Asked): string {
  const { generate } = asked.experiment;
  if (!isModel(asked)) return asked.own;
  if (generate.engine !== "replay") return generate.engine;
  const file = asked.own === "zero_shot" ? (generate.zero_shot ?? generate.file) : generate.file;
  return `replayed from ${file}${generate.made_by === undefined ? "" : `: ${generate.made_by}`}`;
}

/** The audit's findings, and the numbers of each part. */
function auditOf(context: StepContext): WorkbookAudit {
  const { splits, findings } = readResult("audit.json", context.input("audit"));
  const parts = Object.entries(splits).map(([part, facts]) => [
    part,
    [
      ["rows", facts.rows],
      ["without an input", facts.empty_inputs],
      ["without a label", facts.empty_targets],
      ["distinct labels as they are spelt", facts.labels_raw],
      ["distinct labels, basic view", facts.labels_basic],
      ["labels a row", facts.labels_per_row],
      ["labels that one row has", facts.labels_once],
      ["labels of fewer than six rows", facts.labels_below_six],
      ["share of the labels that training has", facts.seen_in_training],
      ["micro-F1 that this share allows at best", facts.ceiling.micro_f1],
      ["exact match that this share allows at best", facts.ceiling.exact_match],
      ["words of an input, median", facts.words.median],
      ["words of an input, most", facts.words.max],
    ] as const,
  ]);
  return { parts: Object.fromEntries(parts), findings };
}

function* casesOf(arms: readonly Arm[], view: View, context: StepContext): Generator<WorkbookCase> {
  const of = viewOf(view, synonymsOf(context));
  const inputs = new Map(readJsonLines<DataRow>(context.input("rows")).map(({ id, input }) => [id, input]));
  const failures = new Map(
    readJsonLines<Failure>(context.input("failures")).map(({ arm, id, categories }) => [`${arm}\0${id}`, categories]),
  );
  for (const arm of arms) {
    for (const prediction of readJsonLines<Prediction>(context.input(`predictions.${arm}`))) {
      const { id, gold, labels } = prediction;
      const categories = failures.get(`${arm}\0${id}`) ?? [];
      yield { ...prediction, arm, input: inputs.get(id) as string, ...caseOutcome(gold, labels, of), categories };
    }
  }
}

/** Every category of every arm with its cases, and its examples. */
function failuresOf(arms: readonly Arm[], context: StepContext): readonly WorkbookFailures[] {
  const analysis = readResult("analysis.json", context.input("analysis"));
  return arms.flatMap((arm) => {
    const own = analysis.arms[arm];
    return own === undefined ? [] : [{ arm, wrong: own.wrong, categories: own.categories }];
  });
}

/** Dotted key and value of every leaf of the resolved experiment. */
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

/** The workbook over all arms of one experiment. */
export function draftWorkbook(
  experiment: Experiment,
  arms: readonly Arm[],
  site: Site,
  compared: readonly Experiment[],
  isWinner: boolean,
) {
  const { synonyms } = experiment.data.labels;
  const { metric, view } = experiment.evaluate.primary;
  return draft({
    id: "workbook",
    kind: workbook.name,
    params: {
      arms,
      primary: { metric, view },
      config: site.portable(experiment),
      compared: site.portable(Object.fromEntries(compared.map((other) => [other.name, other]))),
      exp: site.version,
    },
    sources: synonyms === undefined ? {} : { "data.labels.synonyms": synonyms },
    inputs: {
      rows: { step: "data", file: `${experiment.evaluate.split}.jsonl` },
      analysis: { step: "analyse", file: "analysis.json" },
      audit: { step: "data", file: "audit.json" },
      failures: { step: "analyse", file: "failures.jsonl" },
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
