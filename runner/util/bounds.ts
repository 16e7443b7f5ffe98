/** The bounds of an interval. */
export type Bounds = { readonly low: number; readonly high: number };

/** A value that may have an interval. */
export type MaybeBounds = { readonly low?: number | undefined; readonly high?: number | undefined };

/** A score with the interval that it may have; null without a value. */
export type Estimate = MaybeBounds & { readonly value: number | null };

/** The bounds of an interval; null if there is none. */
export function boundsOf(of: MaybeBounds | null | undefined): Bounds | null {
  return of?.low === undefined || of.high === undefined ? null : { low: of.low, high: of.high };
}
