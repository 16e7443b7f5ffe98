import {
  both,
  type Check,
  fields,
  isCount,
  isNumber,
  isShare,
  isText,
  listOf,
  mapOf,
  nullable,
  optional,
  shape,
} from "../../util/shape.ts";
import { isInterval } from "../statistics/comparison-form.ts";

const texts = listOf(isText);
const isExample = shape({
  id: isText,
  label: nullable(isText),
  sentence: nullable(isText),
  gold: texts,
  given: texts,
  wrong_labels: optional(
    listOf(
      shape({
        label: isText,
        kind: (value) => isKind(value),
        causes: texts,
        expected: optional(isText),
        given: optional(isText),
      }),
    ),
  ),
});
const isLabelStratum = both(
  shape({ name: isText }),
  fields(["support", "predicted"], isCount),
  fields(["recall", "f1"], isShare),
  fields(["f1_low", "f1_high"], optional(isShare)),
);
const isCaseStratum = both(
  shape({ name: isText, cases: isCount, primary: optional(nullable(isNumber)) }),
  fields(["primary_low", "primary_high"], optional(isNumber)),
  shape({ exact_match: isShare, micro_f1: isShare }),
  fields(["f1_low", "f1_high"], optional(isShare)),
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
/** Whether a label or value is missing in a prediction, added to it, or in place of another. */
export const isKind: Check = (value) => value === "omitted" || value === "added" || value === "changed";
export const valueTexts = { expected: optional(isText), given: optional(isText) } as const;
const isUnit: Check = (value) => value === "value" || value === "answer";
const isCauses = both(
  fields(["omitted", "added"], isCount),
  shape({
    unit: optional(isUnit),
    changed: optional(isCount),
    counts: listOf(
      both(
        shape({
          ...{ name: isText, definition: isText, phrase: optional(isText), changed: optional(isCount) },
          share: nullable(fields(["value", "low", "high"], isShare)),
          example: nullable(
            shape({
              ...{ id: isText, kind: isKind, label: isText, sentence: nullable(isText) },
              ...{ name: isPart, trigger: isPart, ...valueTexts },
            }),
          ),
        }),
        fields(["omitted", "added"], isCount),
      ),
    ),
    stated: listOf(both(shape({ name: isText }), fields(["gold", "omitted"], isCount))),
    fields: optional(
      listOf(both(shape({ name: isText, causes: mapOf(isCount) }), fields(["gold", "wrong", "added"], isCount))),
    ),
    against: listOf(
      both(shape({ arm: isText, kind: optional(isKind), cause: isText }), fields(["removed", "kept", "new"], isCount)),
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
    calibration: nullable(both(shape({ of: optional(isText) }), fields(["sequence", "per_token"], isReliability))),
    causes: optional(nullable(isCauses)),
  }),
);

/** Whether a value has the form of analysis.json. */
export const isAnalysis = shape({
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
});
