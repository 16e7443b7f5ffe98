import { isAudit } from "../data/audit-form.ts";
import type { View } from "../data/labels/views.ts";
import { isAnalysis, isKind, valueTexts } from "../evaluation/error-analysis/analysis-form.ts";
import { bounds, isComparison, isInterval } from "../evaluation/statistics/comparison-form.ts";
import type { Task } from "../plugins/tasks/task.ts";
import {
  both,
  type Check,
  fields,
  isAmount,
  isBounded,
  isCount,
  isFlag,
  isMap,
  isNumber,
  isShare,
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
      | "dataset.json"
      | "answers.json"
      | "preflight.json"
      | "preview.json"
      | "ensemble.json"
      | "decision.json"
      | "merge_check.json"
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
 * The test of a result file's text by its path in the folder of a run: whether it has the form that readers rely on. A
 * step of this project writes no other form; test the files of runs from elsewhere. Undefined for a file that nothing
 * reads.
 */
export function formOf(path: string, context: FormContext): ((text: string) => boolean) | undefined {
  const forms = new Map<string, Check>(Object.entries(formsOf(context)));
  const form = forms.get(path.split("/").slice(-2).join("/")) ?? forms.get(path.slice(path.lastIndexOf("/") + 1));
  return form && ((text) => hasForm(text, form, path.endsWith(".jsonl")));
}

function hasForm(text: string, form: Check, isLines: boolean): boolean {
  const isRight = (json: string): boolean => {
    const value: unknown = JSON.parse(json);
    return isBounded(value) && form(value);
  };
  try {
    return isLines ? text.split("\n").every((line) => line === "" || isRight(line)) : isRight(text);
  } catch {
    return false;
  }
}

const texts = listOf(isText);
const isLoss = listOf(shape({ step: isCount, loss: isNumber }));
const isSetting = shape({
  setting: isText,
  values: isMap,
  value: isNumber,
  sd: nullable(isNumber),
  runs: listOf(shape({ coordinates: isText, ...bounds })),
  ...bounds,
});
const isRung = { epochs: isAmount, settings: listOf(isSetting) };

/** Whether the settings of a selection vary the same keys. */
const haveSameKeys: Check = (value) => {
  const { settings } = value as { readonly settings?: readonly { readonly values?: object }[] };
  const keys = (settings ?? []).map(({ values }) =>
    Object.keys(values ?? {})
      .sort()
      .join("\n"),
  );
  return new Set(keys).size <= 1;
};

/** The numbers of a model's config.json that reports show. */
const isModelConfig = both(
  isMap,
  fields(
    [
      ...["hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads"],
      "vocab_size",
    ],
    optional(isCount),
  ),
);

const isJudgeMeasure = shape({ value: nullable(isNumber), low: optional(isNumber), high: optional(isNumber) });

const isJudge = both(
  fields(["judged", "failed", "prompt_tokens", "new_tokens"], isCount),
  shape({
    agreement: optional(shape({ rated: isCount, n: isCount, weighted_kappa: isJudgeMeasure, equal: isJudgeMeasure })),
  }),
);

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
      config: isModelConfig,
      parameters: isCount,
    }),
    "comparison.json": isComparison,
    "analysis.json": isAnalysis,
    "audit.json": isAudit,
    "labels.json": listOf(shape({ label: isText, count: isCount })),
    "train.json": shape({
      parameters: fields(["total", "trainable"], isCount),
      loss: isLoss,
      validation: isLoss,
      steps: optional(isAmount),
      epochs: optional(isAmount),
    }),
    "merge.json": shape({ equal: isFlag }),
    "metrics.json": shape({
      n: isCount,
      case_groups: optional(isCount),
      views: byView(mapOf(nullable(isNumber))),
      intervals: byView(mapOf(isInterval)),
      parse_failures: shape({ count: isCount }),
      truncated: isCount,
      judge: optional(isJudge),
      embedding: optional(shape({ cut: isCount })),
      per_label: optional(
        byView(
          listOf(
            both(
              shape({ label: isText, f1_low: nullable(isShare), f1_high: nullable(isShare) }),
              fields(["support", "predicted"], isCount),
              fields(["precision", "recall", "f1"], isShare),
            ),
          ),
        ),
      ),
      per_field: optional(
        byView(
          listOf(
            both(
              fields(["field", "type"], isText),
              fields(["support", "predicted", "hits", "wrong", "missing"], isCount),
              fields(["precision", "recall", "f1"], isShare),
            ),
          ),
        ),
      ),
      field_confusions: optional(
        listOf(shape({ field: isText, counts: listOf(shape({ gold: isText, predicted: isText, count: isCount })) })),
      ),
      schema_errors: optional(listOf(shape({ error: isText, count: isCount }))),
      cardinality: optional(fields(["gold", "predicted"], shape({ mean: isAmount }))),
      out_of_set: optional(byView(shape({ rate: isShare }))),
      classes: optional(
        nullable(byView(shape({ confusion: listOf(shape({ gold: isText, predicted: isText, count: isCount })) }))),
      ),
    }),
    "selection.json": both(
      haveSameKeys,
      shape({
        ...{ metric: isText, view: isText, rows: isText, winner: isText, why: isText },
        settings: listOf(isSetting),
        corrected: optional(nullable(shape({ value: isNumber }))),
        epochs: optional(isAmount),
        earlier: optional(listOf(shape(isRung))),
        kept: optional(texts),
        proposed: optional(texts),
      }),
    ),
    "predictions.jsonl": shape({
      id: isText,
      gold: isTarget,
      [task.predictionKey]: isTarget,
      group: optional(isText),
      margins: optional(mapOf(isNumber)),
      text: optional(isText),
      parsed: optional(isFlag),
      ...{ judgement: optional(isNumber), similarity: optional(isNumber) },
    }),
    "eval.jsonl": shape({ id: isText, messages: listOf(shape({ role: isText, content: isText })) }),
    "failures.jsonl": shape({
      ...{ arm: isText, id: isText, categories: texts },
      causes: optional(listOf(shape({ kind: isKind, label: isText, causes: texts, ...valueTexts }))),
    }),
    "data/train.jsonl": isRow,
    "data/validation.jsonl": isRow,
    "data/test.jsonl": isRow,
  };
}
