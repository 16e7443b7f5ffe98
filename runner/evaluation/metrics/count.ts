import type { Rows, Table } from "./table.ts";

/** All that the metrics of one table are made of. Integer counts by column, and sums over cases. */
export type Counts = {
  /** Cases. */
  readonly n: number;
  /** Size of the label space, the out-of-set column included. */
  readonly columns: number;
  /** By column that anything has, at least: cases whose gold has it, whose prediction has it, and where both have it. */
  readonly support: Int32Array;
  readonly predicted: Int32Array;
  readonly hits: Int32Array;
  /** Columns of a fixed space that no case has, in gold or prediction: macro averages count them as 0. */
  readonly absent: number;
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

/** Counts a table. */
export function count(table: Table): Counts {
  const support = new Int32Array(table.columns);
  const predicted = new Int32Array(table.columns);
  const hits = new Int32Array(table.columns);
  const total = {
    support: tally(table.gold, support),
    predicted: tally(table.pred, predicted),
    hits: tally(table.hits, hits),
  };
  const cases = { precision: 0, recall: 0, f1: 0, jaccard: 0, exact: 0 };
  for (let row = 0; row < table.n; row++) {
    const gold = length(table.gold, row);
    const pred = length(table.pred, row);
    const both = length(table.hits, row);
    if (gold === both && pred === both) cases.exact += 1;
    if (both === 0) continue;
    cases.precision += both / pred;
    cases.recall += both / gold;
    cases.f1 += (2 * both) / (gold + pred);
    cases.jaccard += both / (gold + pred - both);
  }
  return {
    n: table.n,
    columns: table.columns,
    support,
    predicted,
    hits,
    absent: support.filter((size, column) => size === 0 && predicted[column] === 0).length,
    total,
    cases,
  };
}

/** Number of labels in a row. */
export function length(rows: Rows, row: number): number {
  return (rows.offsets[row + 1] as number) - (rows.offsets[row] as number);
}

function tally({ ids }: Rows, into: Int32Array): number {
  for (let at = 0; at < ids.length; at++) (into[ids[at] as number] as number) += 1;
  return ids.length;
}
