import type { View } from "../data/labels/views.ts";
import type { Task } from "../plugins/tasks/task.ts";
import {
  type Check,
  fields,
  isFlag,
  isMap,
  isNumber,
  isText,
  listOf,
  mapOf,
  nullable,
  optional,
  shape,
} from "../util/shape.ts";
import { isListing } from "./plan/record.ts";
import type { ResultFiles } from "./result-files.ts";

/** The files of a run that reports and comparisons read. */
type ReadFile =
  | Exclude<
      keyof ResultFiles,
      "answers.json" | "preflight.json" | "preview.json" | "ensemble.json" | "merge_check.json"
    >
  | "selection.json"
  | "predictions.jsonl"
  | "eval.jsonl"
  | "failures.jsonl"
  | "data/train.jsonl"
  | "data/validation.jsonl"
  | "data/test.jsonl";

/** What the form of a result depends on. */
export type FormContext = {
  readonly task: Pick<Task, "labels" | "predictionKey" | "views">;
  /** The primary view, in which reports read details. */
  readonly view: View;
};

/**
 * The test of a result file's text by its path in the folder of a run: whether it has the form that readers rely on. A step of
 * this project writes no other form; test the files of runs from elsewhere. Undefined for a file that nothing reads.
 */
export function formOf(path: string, context: FormContext): ((text: string) => boolean) | undefined {
  const forms = new Map<string, Check>(Object.entries(formsOf(context)));
  const form = forms.get(path.split("/").slice(-2).join("/")) ?? forms.get(path.slice(path.lastIndexOf("/") + 1));
  return form && ((text) => hasForm(text, form, path.endsWith(".jsonl")));
}

function hasForm(text: string, form: Check, isLines: boolean): boolean {
  try {
    return isLines ? text.split("\n").every((line) => line === "" || form(JSON.parse(line))) : form(JSON.parse(text));
  } catch {
    return false;
  }
}

const texts = listOf(isText);
const isInterval: Check = (value) =>
  shape({ method: isText, low: optional(isNumber), high: optional(isNumber), reason: optional(isText) })(value);
const both =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.every((check) => check(value));

const isExample = shape({
  id: isText,
  label: nullable(isText),
  sentence: nullable(isText),
  gold: texts,
  given: texts,
});
const isLabelStratum = both(shape({ name: isText }), fields(["support", "predicted", "recall", "f1"], isNumber));
const isCaseStratum = both(shape({ name: isText }), fields(["cases", "exact_match", "micro_f1"], isNumber));
const isReliability = both(
  fields(["ece", "ece_calibrated"], isNumber),
  shape({
    auroc: nullable(isNumber),
    bins: listOf(fields(["cases", "confidence", "accuracy"], isNumber)),
    coverage_risk: shape({
      area: isNumber,
      points: listOf(fields(["coverage", "cases", "threshold", "risk", "low", "high"], isNumber)),
    }),
  }),
);
const isArmAnalysis = both(
  fields(["wrong", "cases"], isNumber),
  shape({
    categories: listOf(shape({ name: isText, definition: isText, cases: isNumber, examples: listOf(isExample) })),
    trained: listOf(shape({ label: isText, count: isNumber })),
    strata: both(
      fields(["training_frequency", "group"], listOf(isLabelStratum)),
      fields(["labels_per_case", "input_length", "normality"], listOf(isCaseStratum)),
    ),
    confusions: shape({
      omitted: texts,
      added: texts,
      counts: listOf(listOf(isNumber)),
      pairs: listOf(shape({ omitted: isText, added: isText, count: isNumber })),
    }),
    against: listOf(both(shape({ arm: isText }), fields(["both_right", "fixed", "broken", "both_wrong"], isNumber))),
    agreement: nullable(
      both(shape({ baseline: isText }), fields(["agree", "differ"], fields(["cases", "exact_match"], isNumber))),
    ),
    calibration: nullable(fields(["sequence", "per_token"], isReliability)),
  }),
);
const isMeasured = both(isInterval, shape({ value: nullable(isNumber), sd: optional(nullable(isNumber)) }));
const isDifference = both(
  isInterval,
  shape({ difference: isNumber }),
  fields(["p_bootstrap", "p_randomisation", "p_student", "detectable"], optional(nullable(isNumber))),
);
const isSplit = both(
  fields(["rows", "labels_basic", "labels_per_row", "seen_in_training"], isNumber),
  shape({
    groups: optional(isNumber),
    ceiling: fields(["micro_f1", "exact_match"], isNumber),
    words: fields(["median", "max"], isNumber),
  }),
);
const isLoss = listOf(fields(["step", "loss"], isNumber));
const isBounds = { low: optional(isNumber), high: optional(isNumber) };
const isSetting = shape({
  setting: isText,
  values: isMap,
  value: isNumber,
  sd: nullable(isNumber),
  runs: listOf(shape({ coordinates: isText, ...isBounds })),
  ...isBounds,
});
const isRung = { epochs: isNumber, settings: listOf(isSetting) };

function formsOf({ task, view }: FormContext): Readonly<Record<ReadFile, Check>> {
  const byView = (check: Check): Check => fields([...new Set([...task.views, view])], check);
  // Only the task knows other forms of targets and predictions.
  const isTarget: Check = task.labels === undefined ? (value) => value !== undefined : texts;
  const isRow = shape({ id: isText, input: isText, gold: isTarget });
  return {
    "model.json": shape({
      base: isText,
      revision: nullable(isText),
      files: isListing,
      config: isMap,
      parameters: isNumber,
    }),
    "labels.json": listOf(shape({ label: isText, count: isNumber })),
    "audit.json": shape({
      splits: mapOf(isSplit),
      findings: listOf(shape({ severity: isText, code: isText, message: isText, count: isNumber, accepted: isFlag })),
    }),
    "train.json": shape({
      parameters: fields(["total", "trainable"], isNumber),
      loss: isLoss,
      validation: isLoss,
    }),
    "merge.json": shape({ equal: isFlag }),
    "metrics.json": shape({
      n: isNumber,
      case_groups: optional(isNumber),
      views: byView(mapOf(nullable(isNumber))),
      intervals: byView(mapOf(isInterval)),
      parse_failures: shape({ count: isNumber }),
      truncated: isNumber,
      per_label: optional(
        byView(
          listOf(
            both(
              shape({ label: isText, f1_low: nullable(isNumber), f1_high: nullable(isNumber) }),
              fields(["support", "predicted", "precision", "recall", "f1"], isNumber),
            ),
          ),
        ),
      ),
      cardinality: optional(fields(["gold", "predicted"], shape({ mean: isNumber }))),
      out_of_set: optional(byView(shape({ rate: isNumber }))),
      classes: optional(
        nullable(byView(shape({ confusion: listOf(shape({ gold: isText, predicted: isText, count: isNumber })) }))),
      ),
    }),
    "comparison.json": shape({
      n: isNumber,
      case_groups: optional(isNumber),
      view: isText,
      arms: mapOf(mapOf(isMeasured)),
      pairs: listOf(
        shape({
          a: isText,
          b: isText,
          metrics: mapOf(isDifference),
          exact_match: nullable(fields(["only_a", "only_b", "p"], isNumber)),
        }),
      ),
      family: shape({
        subject: isText,
        metric: isText,
        tests: listOf(shape({ against: isText, p: isNumber, adjusted: isNumber })),
      }),
    }),
    "analysis.json": shape({
      view: isText,
      baseline: nullable(isText),
      zero_shot: nullable(isText),
      arms: mapOf(isArmAnalysis),
      subgroups: optional(
        shape({
          ...{ metric: isText, fewest: isNumber, intervals: isNumber },
          groups: listOf(
            shape({
              ...{ column: isText, value: isText, cases: isNumber },
              arms: mapOf(both(isInterval, shape({ score: nullable(isNumber) }))),
            }),
          ),
        }),
      ),
    }),
    "selection.json": shape({
      ...{ metric: isText, view: isText, rows: isText, winner: isText, why: isText },
      settings: listOf(isSetting),
      corrected: optional(nullable(shape({ value: isNumber }))),
      epochs: optional(isNumber),
      earlier: optional(listOf(shape(isRung))),
      kept: optional(texts),
    }),
    "predictions.jsonl": shape({
      id: isText,
      gold: isTarget,
      [task.predictionKey]: isTarget,
      group: optional(isText),
      text: optional(isText),
      parsed: optional(isFlag),
    }),
    "eval.jsonl": shape({ id: isText, messages: listOf(shape({ role: isText, content: isText })) }),
    "failures.jsonl": shape({ arm: isText, id: isText, categories: texts }),
    "data/train.jsonl": isRow,
    "data/validation.jsonl": isRow,
    "data/test.jsonl": isRow,
  };
}
