import type { Rows, Table } from "./table.ts";

/** All that the metrics of one table are made of. Integer counts by column, and sums over cases. */
export type Counts = {
  /** Cases, each as often as its weight says. */
  readonly n: number;
  /** By column: cases whose gold has it, whose prediction has it, and where both have it. */
  readonly support: Int32Array;
  readonly predicted: Int32Array;
  readonly hits: Int32Array;
  /** Sums of the three over all columns. */
  readonly total: { readonly support: number; readonly predicted: number; readonly hits: number };
  /** Sums over cases of the scores of single cases; an undefined one (0 / 0) is 0. */
  readonly cases: {
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly jaccard: number;
    readonly exact: number;
  };
};

/** Counts a table; `weights` says how often each case is taken (a bootstrap sample), once each if absent. */
export function count(table: Table, weights?: Int32Array): Counts {
  const support = new Int32Array(table.columns);
  const predicted = new Int32Array(table.columns);
  const hits = new Int32Array(table.columns);
  const total = {
    support: tally(table.gold, support, weights),
    predicted: tally(table.pred, predicted, weights),
    hits: tally(table.hits, hits, weights),
  };
  const cases = { precision: 0, recall: 0, f1: 0, jaccard: 0, exact: 0 };
  let n = 0;
  for (let row = 0; row < table.n; row++) {
    const weight = weights ? (weights[row] as number) : 1;
    if (weight === 0) continue;
    n += weight;
    const gold = length(table.gold, row);
    const pred = length(table.pred, row);
    const both = length(table.hits, row);
    if (gold === both && pred === both) cases.exact += weight;
    if (both === 0) continue;
    cases.precision += (weight * both) / pred;
    cases.recall += (weight * both) / gold;
    cases.f1 += (weight * 2 * both) / (gold + pred);
    cases.jaccard += (weight * both) / (gold + pred - both);
  }
  return { n, support, predicted, hits, total, cases };
}

/** Number of labels in a row. */
export function length(rows: Rows, row: number): number {
  return (rows.offsets[row + 1] as number) - (rows.offsets[row] as number);
}

function tally(rows: Rows, into: Int32Array, weights: Int32Array | undefined): number {
  const { offsets, ids } = rows;
  if (!weights) {
    for (let at = 0; at < ids.length; at++) (into[ids[at] as number] as number) += 1;
    return ids.length;
  }
  let sum = 0;
  for (let row = 0; row + 1 < offsets.length; row++) {
    const weight = weights[row] as number;
    if (weight === 0) continue;
    const end = offsets[row + 1] as number;
    for (let at = offsets[row] as number; at < end; at++) (into[ids[at] as number] as number) += weight;
    sum += weight * length(rows, row);
  }
  return sum;
}
