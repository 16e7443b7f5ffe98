import { UserError } from "../../util/user-error.ts";
import type { Pair } from "./pair.ts";

/**
 * What the interval of a difference shows about a candidate: not worse than the reference by the margin or more; worse
 * by more than the margin; or neither.
 */
export type Verdict = "non-inferior" | "inferior" | "inconclusive";

/** Whether candidates are worse than a reference by less than a margin. */
export type NonInferiority = {
  readonly reference: string;
  readonly metric: string;
  /** The largest loss that is accepted, in units of the metric. Set before the results are known. */
  readonly margin: number;
  readonly tests: readonly {
    readonly candidate: string;
    /** candidate - reference */
    readonly difference: number;
    readonly low?: number;
    readonly high?: number;
    readonly verdict: Verdict;
  }[];
};

/**
 * Compares every other answerer with the reference. A candidate is non-inferior if the 95 % interval of its difference
 * excludes a loss of the margin: a one-sided test at 2.5 %.
 */
export function nonInferiority(
  pairs: readonly Pair[],
  {
    reference,
    metric,
    margin,
    higherIsBetter,
  }: Pick<NonInferiority, "reference" | "metric" | "margin"> & { readonly higherIsBetter: boolean | null },
): NonInferiority {
  if (higherIsBetter === null)
    throw new UserError("bad-option", `${metric} has no best direction, so that no answerer is worse by a margin`, {
      ...{ help: "use another metric", status: "invalid" },
    });
  const tests = pairs.flatMap(({ a, b, metrics }) => {
    const found = metrics[metric];
    if (found === undefined || (a !== reference && b !== reference)) return [];
    const sign = b === reference ? 1 : -1;
    const bounds = found.low === undefined ? [] : [sign * found.low, sign * found.high].sort((one, two) => one - two);
    const [low, high] = bounds;
    const gains = (higherIsBetter ? bounds : bounds.map((bound) => -bound)).toSorted((one, two) => one - two);
    const [least, most] = gains;
    const verdict: Verdict =
      least === undefined || most === undefined
        ? "inconclusive"
        : least > -margin
          ? "non-inferior"
          : most < -margin
            ? "inferior"
            : "inconclusive";
    return [
      {
        candidate: b === reference ? a : b,
        difference: sign * found.difference,
        ...(low === undefined || high === undefined ? {} : { low, high }),
        verdict,
      },
    ];
  });
  return { reference, metric, margin, tests };
}
