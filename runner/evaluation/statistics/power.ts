import { studentQuantile } from "../../util/student.ts";
import { level } from "./interval.ts";

/** The share of studies in which a true difference of the detectable size is significant. */
export const power = 0.8;

/**
 * The smallest true difference that a two-sided test at 5 % finds in 80 % of studies with these cases: the standard
 * error of the difference times the sum of two quantiles of Student's t. The standard error is that of the observed
 * difference. null if the difference does not vary over cases.
 */
export function detectableDifference(standardError: number, freedom: number): number | null {
  if (!(standardError > 1e-12)) return null;
  return standardError * (studentQuantile(1 - level, freedom) + studentQuantile(2 * (1 - power), freedom));
}
