import {
  both,
  type Check,
  fields,
  isCount,
  isMap,
  isNumber,
  isShare,
  isText,
  listOf,
  mapOf,
  nullable,
  optional,
  shape,
} from "../../util/shape.ts";
import type { IntervalMethod } from "./interval.ts";

const methods: Readonly<Record<IntervalMethod, true>> = {
  ...{ bca: true, percentile: true, basic: true, jackknife: true, clopper_pearson: true, korn_graubard: true },
  ...{ bonett_price: true, few_errors: true, student_t: true },
};
const isMethod: Check = (value) => isText(value) && Object.hasOwn(methods, value as string);

/** A confidence interval; without one, the reason. */
export const isInterval: Check = (value) =>
  isMap(value) && value.method === "none"
    ? isText(value.reason) && value.low === undefined && value.high === undefined
    : shape({ method: isMethod, low: isNumber, high: isNumber })(value);

/** The ends of an interval; absent without one. */
export const bounds = { low: optional(isNumber), high: optional(isNumber) };

const isMeasured = both(isInterval, shape({ value: nullable(isNumber), sd: optional(nullable(isNumber)) }));
const isDifference = both(
  isInterval,
  shape({ difference: isNumber }),
  shape({ detectable: optional(nullable(isNumber)) }),
  fields(["p_bootstrap", "p_randomisation", "p_student"], optional(nullable(isShare))),
);

/** Whether a value has the form of comparison.json. */
export const isComparison = shape({
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
        shape({ difference: isNumber, detectable: nullable(isNumber), ...bounds }),
      ),
    ),
  ),
  non_inferiority: optional(
    shape({
      ...{ reference: isText, metric: isText, margin: isNumber },
      tests: listOf(shape({ candidate: isText, difference: isNumber, verdict: isText, ...bounds })),
    }),
  ),
});
