import { type Counts, length } from "../metrics/count.ts";
import { type MetricName, metrics } from "../metrics/metrics.ts";
import type { Table } from "../metrics/table.ts";

/** Sizes that cases can have, (gold, predicted, both), each with a number: shared by tables that are compared. */
export class Shapes {
  readonly list: (readonly [gold: number, predicted: number, both: number])[] = [];
  private readonly numbers = new Map<string, number>();

  /** The number of a shape; a new one is added. */
  of(gold: number, predicted: number, both: number): number {
    const key = `${gold} ${predicted} ${both}`;
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.list.length;
      this.list.push([gold, predicted, both]);
      this.numbers.set(key, number);
    }
    return number;
  }
}

/**
 * A table laid out for being counted under many weights: each case is a list of counters to which its weight is added.
 * Column c of those in use has three: 3c for a label that gold and prediction share, 3c + 1 for one that is missed, 3c + 2 for one that is
 * added. The shape of the case has one, behind those of all columns.
 */
export type Layout = {
  readonly n: number;
  /** Columns in use, and all of the table's. */
  readonly columns: number;
  readonly space: number;
  /** The counters of case i are `counters[offsets[i] .. offsets[i + 1])`. */
  readonly offsets: Int32Array;
  readonly counters: Int32Array;
  readonly shapes: Shapes;
  /** Columns of the table that no case of it has. */
  readonly absent: number;
};

/** The columns that any of some tables uses, renumbered in their order: column -> place, -1 for those that none uses. */
export function columnsInUse(tables: readonly Table[]): Int32Array {
  const places = new Int32Array(Math.max(0, ...tables.map(({ columns }) => columns))).fill(-1);
  for (const { gold, pred } of tables) for (const { ids } of [gold, pred]) for (const id of ids) places[id] = 0;
  let place = 0;
  return places.map((used) => (used < 0 ? -1 : place++));
}

/** Lays out a table; tables that are compared case by case share `shapes` and `places`. */
export function layOut(table: Table, shapes = new Shapes(), places = columnsInUse([table])): Layout {
  const { n, gold, pred, hits } = table;
  const columns = places.reduce((most, place) => Math.max(most, place + 1), 0);
  const offsets = new Int32Array(n + 1);
  const counters = new Int32Array(gold.ids.length + pred.ids.length - hits.ids.length + n);
  const used = new Uint8Array(columns);
  const inBoth = new Int32Array(columns).fill(-1);
  let at = 0;
  for (let row = 0; row < n; row++) {
    const end = (rows: Table["gold"]): number => rows.offsets[row + 1] as number;
    const start = (rows: Table["gold"]): number => rows.offsets[row] as number;
    for (let from = start(hits); from < end(hits); from++) {
      const column = places[hits.ids[from] as number] as number;
      inBoth[column] = row;
      counters[at++] = 3 * column;
    }
    for (let from = start(gold); from < end(gold); from++) {
      const column = places[gold.ids[from] as number] as number;
      used[column] = 1;
      if (inBoth[column] !== row) counters[at++] = 3 * column + 1;
    }
    for (let from = start(pred); from < end(pred); from++) {
      const column = places[pred.ids[from] as number] as number;
      used[column] = 1;
      if (inBoth[column] !== row) counters[at++] = 3 * column + 2;
    }
    counters[at++] = 3 * columns + shapes.of(length(gold, row), length(pred, row), length(hits, row));
    offsets[row + 1] = at;
  }
  const absent = table.columns - used.reduce((sum, one) => sum + one, 0);
  return { n, columns, space: table.columns, offsets, counters, shapes, absent };
}

/** Number of counters of a layout, known once every table that shares its shapes is laid out. */
export function counterCount({ columns, shapes }: Layout): number {
  return 3 * columns + shapes.list.length;
}

/** Adds every case as often as its weight says. `sums` is not cleared. */
export function addAll({ n, offsets, counters }: Layout, weights: Int32Array, sums: Int32Array): void {
  let at = 0;
  for (let row = 0; row < n; row++) {
    const weight = weights[row] as number;
    const end = offsets[row + 1] as number;
    if (weight === 0) at = end;
    else for (; at < end; at++) (sums[counters[at] as number] as number) += weight;
  }
}

/** Adds one case so many times. */
export function addCase({ offsets, counters }: Layout, row: number, times: number, sums: Int32Array): void {
  const end = offsets[row + 1] as number;
  for (let at = offsets[row] as number; at < end; at++) (sums[counters[at] as number] as number) += times;
}

/** Computes metrics of summed counters, as the registry of metrics defines them; its memory is used again and again. */
export class Scorer {
  private readonly layout: Layout;
  private readonly names: readonly MetricName[];
  private readonly counts: {
    -readonly [K in keyof Counts]: Counts[K] extends number | Int32Array
      ? Counts[K]
      : { -readonly [F in keyof Counts[K]]: number };
  };

  constructor(layout: Layout, names: readonly MetricName[]) {
    this.layout = layout;
    this.names = names;
    this.counts = {
      n: 0,
      columns: layout.space,
      support: new Int32Array(layout.columns),
      predicted: new Int32Array(layout.columns),
      hits: new Int32Array(layout.columns),
      absent: layout.absent,
      total: { support: 0, predicted: 0, hits: 0 },
      cases: { precision: 0, recall: 0, f1: 0, jaccard: 0, exact: 0 },
    };
  }

  /**
   * Writes every metric to `into[metric][at]`. A column that the summed cases do not have is left out of macro averages,
   * unless no case at all has it: a label that a sample happens to lack has no score there, rather than one of 0.
   */
  score(sums: Int32Array, into: readonly Float64Array[], at: number): void {
    const { layout, counts } = this;
    const { support, predicted, hits, total, cases } = counts;
    let allHits = 0;
    let allMissed = 0;
    let allAdded = 0;
    for (let column = 0, counter = 0; column < layout.columns; column++, counter += 3) {
      const both = sums[counter] as number;
      const missed = sums[counter + 1] as number;
      const added = sums[counter + 2] as number;
      hits[column] = both;
      support[column] = both + missed;
      predicted[column] = both + added;
      allHits += both;
      allMissed += missed;
      allAdded += added;
    }
    total.hits = allHits;
    total.support = allHits + allMissed;
    total.predicted = allHits + allAdded;
    counts.n = cases.precision = cases.recall = cases.f1 = cases.jaccard = cases.exact = 0;
    for (let shape = 0, counter = 3 * layout.columns; counter < sums.length; shape++, counter++) {
      const weight = sums[counter] as number;
      if (weight === 0) continue;
      const [gold, pred, both] = layout.shapes.list[shape] as (typeof layout.shapes.list)[0];
      counts.n += weight;
      if (gold === both && pred === both) cases.exact += weight;
      if (both === 0) continue;
      cases.precision += (weight * both) / pred;
      cases.recall += (weight * both) / gold;
      cases.f1 += (weight * 2 * both) / (gold + pred);
      cases.jaccard += (weight * both) / (gold + pred - both);
    }
    for (let metric = 0; metric < this.names.length; metric++) {
      (into[metric] as Float64Array)[at] = metrics[this.names[metric] as MetricName].of(counts);
    }
  }
}
