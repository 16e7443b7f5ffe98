import type { View } from "../data/labels/views.ts";
import type { IntervalMethod } from "../evaluation/statistics/interval.ts";
import type { Task } from "../plugins/tasks/task.ts";
import {
  type Check,
  fields,
  isBounded,
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
const methods: Readonly<Record<IntervalMethod, true>> = {
  ...{ bca: true, percentile: true, basic: true, jackknife: true, clopper_pearson: true, korn_graubard: true },
  ...{ bonett_price: true, few_errors: true, student_t: true },
};
const isMethod: Check = (value) => isText(value) && Object.hasOwn(methods, value as string);
const isCount: Check = (value) => isNumber(value) && Number.isInteger(value) && (value as number) >= 0;
const isAmount: Check = (value) => isNumber(value) && (value as number) >= 0;
/** A number from 0 to 1, with rounding errors. */
const isShare: Check = (value) => isNumber(value) && Math.abs((value as number) - 0.5) <= 0.5 + 1e-9;
/** A confidence interval; without one, the reason. */
export const isInterval: Check = (value) =>
  isMap(value) && value.method === "none"
    ? isText(value.reason) && value.low === undefined && value.high === undefined
    : shape({ method: isMethod, low: isNumber, high: isNumber })(value);
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
const isLabelStratum = both(
  shape({ name: isText }),
  fields(["support", "predicted"], isCount),
  fields(["recall", "f1"], isShare),
);
const isCaseStratum = both(
  shape({ name: isText, cases: isCount, primary: optional(nullable(isNumber)) }),
  fields(["exact_match", "micro_f1"], isShare),
);
const isReliability = both(
  fields(["ece", "ece_calibrated"], isShare),
  shape({
    auroc: nullable(isShare),
    bins: listOf(shape({ cases: isCount, confidence: isShare, accuracy: isShare })),
    coverage_risk: shape({
      area: isNumber,
      points: listOf(fields(["coverage", "cases", "threshold", "risk", "low", "high"], isNumber)),
    }),
  }),
);
const isPart = nullable(fields(["start", "end"], isCount));
const isKind: Check = (value) => value === "omitted" || value === "added";
const isCauses = both(
  fields(["omitted", "added"], isCount),
  shape({
    counts: listOf(
      both(
        shape({
          ...{ name: isText, definition: isText },
          share: nullable(fields(["value", "low", "high"], isShare)),
          example: nullable(
            shape({
              ...{ id: isText, kind: isKind, label: isText, sentence: nullable(isText) },
              ...{ name: isPart, trigger: isPart },
            }),
          ),
        }),
        fields(["omitted", "added"], isCount),
      ),
    ),
    stated: listOf(both(shape({ name: isText }), fields(["gold", "omitted"], isCount))),
    against: listOf(
      both(shape({ arm: isText, kind: isKind, cause: isText }), fields(["removed", "kept", "new"], isCount)),
    ),
  }),
);
const isArmAnalysis = both(
  fields(["wrong", "cases"], isCount),
  shape({
    categories: listOf(shape({ name: isText, definition: isText, cases: isCount, examples: listOf(isExample) })),
    correct: optional(listOf(isExample)),
    trained: listOf(shape({ label: isText, count: isCount })),
    strata: both(
      fields(["training_frequency", "group"], listOf(isLabelStratum)),
      fields(["labels_per_case", "input_length", "normality"], listOf(isCaseStratum)),
      shape({ properties: optional(listOf(both(isCaseStratum, shape({ property: isText })))) }),
    ),
    confusions: shape({
      omitted: texts,
      added: texts,
      counts: listOf(listOf(isCount)),
      pairs: listOf(shape({ omitted: isText, added: isText, count: isCount })),
    }),
    against: listOf(both(shape({ arm: isText }), fields(["both_right", "fixed", "broken", "both_wrong"], isCount))),
    agreement: nullable(
      both(shape({ baseline: isText }), fields(["agree", "differ"], shape({ cases: isCount, exact_match: isShare }))),
    ),
    calibration: nullable(fields(["sequence", "per_token"], isReliability)),
    causes: optional(nullable(isCauses)),
  }),
);
const isMeasured = both(isInterval, shape({ value: nullable(isNumber), sd: optional(nullable(isNumber)) }));
const isDifference = both(
  isInterval,
  shape({ difference: isNumber }),
  shape({ detectable: optional(nullable(isNumber)) }),
  fields(["p_bootstrap", "p_randomisation", "p_student"], optional(nullable(isShare))),
);
const isSplit = both(
  fields(["rows", "labels_basic"], isCount),
  shape({
    groups: optional(isCount),
    labels_per_row: isAmount,
    seen_in_training: isShare,
    ceiling: fields(["micro_f1", "exact_match"], isShare),
    words: fields(["median", "max"], isAmount),
  }),
);
const isLoss = listOf(shape({ step: isCount, loss: isNumber }));
const isBounds = { low: optional(isNumber), high: optional(isNumber) };
const isSetting = shape({
  setting: isText,
  values: isMap,
  value: isNumber,
  sd: nullable(isNumber),
  runs: listOf(shape({ coordinates: isText, ...isBounds })),
  ...isBounds,
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
    "labels.json": listOf(shape({ label: isText, count: isCount })),
    "audit.json": shape({
      splits: mapOf(isSplit),
      findings: listOf(shape({ severity: isText, code: isText, message: isText, count: isCount, accepted: isFlag })),
    }),
    "train.json": shape({
      parameters: fields(["total", "trainable"], isCount),
      loss: isLoss,
      validation: isLoss,
    }),
    "merge.json": shape({ equal: isFlag }),
    "metrics.json": shape({
      n: isCount,
      case_groups: optional(isCount),
      views: byView(mapOf(nullable(isNumber))),
      intervals: byView(mapOf(isInterval)),
      parse_failures: shape({ count: isCount }),
      truncated: isCount,
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
      cardinality: optional(fields(["gold", "predicted"], shape({ mean: isAmount }))),
      out_of_set: optional(byView(shape({ rate: isShare }))),
      classes: optional(
        nullable(byView(shape({ confusion: listOf(shape({ gold: isText, predicted: isText, count: isCount })) }))),
      ),
    }),
    "comparison.json": shape({
      n: isCount,
      case_groups: optional(isCount),
      view: isText,
      arms: mapOf(mapOf(isMeasured)),
      pairs: listOf(
        shape({
          a: isText,
          b: isText,
          metrics: mapOf(isDifference),
          exact_match: nullable(both(fields(["only_a", "only_b"], isCount), shape({ p: isShare }))),
        }),
      ),
      family: shape({
        subject: isText,
        metric: isText,
        tests: listOf(shape({ against: isText, p: isShare, adjusted: isShare })),
        contrasts: optional(listOf(shape({ a: isText, b: isText, of: isText, p: isShare, adjusted: isShare }))),
      }),
      interactions: optional(
        listOf(
          both(
            fields(["a", "b"], shape({ from: isText, to: isText })),
            shape({ difference: isNumber, detectable: nullable(isNumber), ...isBounds }),
          ),
        ),
      ),
      non_inferiority: optional(
        shape({
          ...{ reference: isText, metric: isText, margin: isNumber },
          tests: listOf(shape({ candidate: isText, difference: isNumber, verdict: isText, ...isBounds })),
        }),
      ),
    }),
    "analysis.json": shape({
      view: isText,
      baseline: nullable(isText),
      zero_shot: nullable(isText),
      arms: mapOf(isArmAnalysis),
      subgroups: optional(
        shape({
          ...{ metric: isText, fewest: isCount, intervals: isCount },
          groups: listOf(
            shape({
              ...{ column: isText, value: isText, cases: isCount },
              arms: mapOf(both(isInterval, shape({ score: nullable(isNumber) }))),
            }),
          ),
        }),
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
      }),
    ),
    "predictions.jsonl": shape({
      id: isText,
      gold: isTarget,
      [task.predictionKey]: isTarget,
      group: optional(isText),
      text: optional(isText),
      parsed: optional(isFlag),
    }),
    "eval.jsonl": shape({ id: isText, messages: listOf(shape({ role: isText, content: isText })) }),
    "failures.jsonl": shape({
      ...{ arm: isText, id: isText, categories: texts },
      causes: optional(listOf(shape({ kind: isKind, label: isText, causes: texts }))),
    }),
    "data/train.jsonl": isRow,
    "data/validation.jsonl": isRow,
    "data/test.jsonl": isRow,
  };
}
