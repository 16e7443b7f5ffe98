import type { Metric } from "../../plugins/metrics/metric.ts";
import { Registry } from "../../plugins/registry.ts";
import type { Json } from "../../util/canonical.ts";
import { type ComparedAnswer, type FieldCounts, type JsonSums, jsonCounters } from "./counters.ts";
import type { ScoringSettings } from "./settings.ts";
import type { JsonValue } from "./value.ts";

type JsonMetric = Metric<JsonValue, ComparedAnswer, JsonSums>;
type Definition = Pick<
  JsonMetric,
  "displayName" | "definition" | "value" | "isShareCorrect" | "isShare" | "isUnitScore"
> & {
  /** Whether the metric compares values, so that its definition depends on the tolerance. */
  readonly compares: boolean;
};

/** 0 / 0 is 0. */
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** Precision, recall and F1 of counts. */
export const scoreOf = ({ support, predicted, hits }: FieldCounts) => ({
  precision: ratio(hits, predicted),
  recall: ratio(hits, support),
  f1: ratio(2 * hits, support + predicted),
});

const total = ({ fields }: JsonSums): FieldCounts =>
  fields.reduce(
    (sum, one) => ({
      support: sum.support + one.support,
      predicted: sum.predicted + one.predicted,
      hits: sum.hits + one.hits,
    }),
    { support: 0, predicted: 0, hits: 0 },
  );

/** Mean over the fields that occur in gold or answers. */
function macro({ fields }: JsonSums, of: keyof ReturnType<typeof scoreOf>): number {
  const own = fields.filter(({ support, predicted }) => support + predicted > 0);
  return ratio(
    own.reduce((sum, one) => sum + scoreOf(one)[of], 0),
    own.length,
  );
}

const all = "the values of all fields of all cases together; a wrong value is a missing and an added one";
const definitions: Readonly<Record<string, Definition>> = {
  field_f1: {
    displayName: "field F1",
    definition: `F1 over ${all}`,
    compares: true,
    isUnitScore: true,
    value: (sums) => scoreOf(total(sums)).f1,
  },
  field_precision: {
    displayName: "field precision",
    definition: `Share of right values among those of the answers: ${all}`,
    compares: true,
    isUnitScore: true,
    value: (sums) => scoreOf(total(sums)).precision,
  },
  field_recall: {
    displayName: "field recall",
    definition: `Share of the values of gold that the answers have: ${all}`,
    compares: true,
    isUnitScore: true,
    value: (sums) => scoreOf(total(sums)).recall,
  },
  macro_field_f1: {
    displayName: "macro field F1",
    definition:
      "Mean of the F1 of each field that occurs in gold or answers; fields that the schema lacks are one field",
    compares: true,
    isUnitScore: true,
    value: (sums) => macro(sums, "f1"),
  },
  macro_field_precision: {
    displayName: "macro field precision",
    definition:
      "Mean of the precision of each field that occurs in gold or answers; fields that the schema lacks are one field",
    compares: true,
    isUnitScore: true,
    value: (sums) => macro(sums, "precision"),
  },
  macro_field_recall: {
    displayName: "macro field recall",
    definition:
      "Mean of the recall of each field that occurs in gold or answers; fields that the schema lacks are one field",
    compares: true,
    isUnitScore: true,
    value: (sums) => macro(sums, "recall"),
  },
  exact_match: {
    displayName: "exact match",
    definition: "Share of cases whose answer meets the schema and equals gold in every field",
    compares: true,
    isShareCorrect: true,
    value: ({ exact, cases }) => ratio(exact, cases),
  },
  validity: {
    definition: "Share of answers that are a JSON object that meets the schema",
    compares: false,
    isShare: true,
    value: ({ valid, cases }) => ratio(valid, cases),
  },
};

/** The metrics of the task. */
export const jsonMetrics = new Registry<Metric>("metric");
for (const [name, { compares, ...definition }] of Object.entries(definitions)) {
  const withTolerance = (scoring: Json): string => {
    const { tolerance } = scoring as ScoringSettings;
    return tolerance === 0 ? definition.definition : `${definition.definition}; numbers may differ by ${tolerance}`;
  };
  jsonMetrics.register({
    name,
    ...definition,
    ...(compares ? { definitionWith: withTolerance } : {}),
    higherIsBetter: true,
    counters: jsonCounters,
  } satisfies JsonMetric);
}
