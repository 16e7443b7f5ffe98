import { type ViewOf, viewLabels } from "../../data/labels/views.ts";
import { clopperPearson, shareBounds } from "../statistics/interval.ts";
import { type LabelCase, length, type Rows, type Table } from "./table.ts";

/** One label in one view. */
export type LabelRow = {
  readonly label: string;
  /** Cases whose gold, whose prediction, and whose gold and prediction have it. */
  readonly support: number;
  readonly predicted: number;
  readonly tp: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /**
   * Bounds of the 95 % interval of F1 over cases. F1 is 2 J / (1 + J) for the share J of true positives among the cases
   * whose gold or prediction has the label, and J has Clopper-Pearson bounds; with groups of cases, those of Korn and
   * Graubard. null without such a case.
   */
  readonly f1_low: number | null;
  readonly f1_high: number | null;
};

/** The name of the row of all predictions outside a fixed label space. */
export const outOfSetLabel = "(out of set)";

/**
 * Every label's counts and scores, most frequent in gold first, ties by name. `groups` has the group of each case; absent
 * if cases are independent.
 */
export function labelRows(table: Table, groups: readonly (string | undefined)[] = []): LabelRow[] {
  const concernedIn = groups.some((group) => group !== undefined) ? concernedCases(table, groups) : undefined;
  const [inGold, inPrediction, inBoth] = [tally(table, "gold"), tally(table, "pred"), tally(table, "hits")];
  const rows = Array.from({ length: rowCount(table) }, (_, column): LabelRow => {
    const support = inGold[column] as number;
    const predicted = inPrediction[column] as number;
    const tp = inBoth[column] as number;
    const concerned = support + predicted - tp;
    const share = concernedIn === undefined ? clopperPearson(tp, concerned) : shareBounds(concernedIn[column] ?? []);
    const [low, high] = concerned === 0 ? [null, null] : share.map(f1OfShare);
    return {
      label: column === table.outOfSet ? outOfSetLabel : (table.labels[column] as string),
      support,
      predicted,
      tp,
      precision: predicted === 0 ? 0 : tp / predicted,
      recall: support === 0 ? 0 : tp / support,
      f1: support + predicted === 0 ? 0 : (2 * tp) / (support + predicted),
      f1_low: low as number | null,
      f1_high: high as number | null,
    };
  });
  return rows.sort((a, b) => b.support - a.support || (a.label < b.label ? -1 : 1));
}

/** F1 of a share of hits among the labels that gold or the prediction has. */
export const f1OfShare = (share: number): number => (2 * share) / (1 + share);

type Concerned = { readonly isHit: boolean; readonly group: string | undefined };

/** By label, the cases whose gold or prediction has it, with their groups. */
function concernedCases(table: Table, groups: readonly (string | undefined)[]): readonly (readonly Concerned[])[] {
  const last = rowCount(table) - 1;
  const found = Array.from({ length: last + 1 }, (): Concerned[] => []);
  const columnsOf = ({ offsets, ids }: Rows, row: number): readonly number[] =>
    Array.from(ids.subarray(offsets[row], offsets[row + 1]), (column) => Math.min(column, last));
  for (let row = 0; row < table.n; row++) {
    const hits = new Set(columnsOf(table.hits, row));
    for (const column of new Set([...columnsOf(table.gold, row), ...columnsOf(table.pred, row)]))
      found[column]?.push({ isHit: hits.has(column), group: groups[row] });
  }
  return found;
}

/** One row for each label of the space, and one for all predictions outside it. */
function rowCount({ labels, outOfSet }: Table): number {
  return labels.length + (outOfSet === undefined ? 0 : 1);
}

/** Occurrences by row. */
function tally(table: Table, side: "gold" | "pred" | "hits"): Int32Array {
  const counts = new Int32Array(rowCount(table));
  for (const column of table[side].ids) (counts[Math.min(column, counts.length - 1)] as number) += 1;
  return counts;
}

/** How many labels a case has. `histogram[k]` is the number of cases with k labels. */
export type Cardinality = {
  readonly gold: { readonly mean: number; readonly histogram: readonly number[] };
  readonly predicted: { readonly mean: number; readonly histogram: readonly number[] };
};

/** Labels per case, gold against predicted. */
export function cardinality(table: Table): Cardinality {
  const of = (rows: Rows) => {
    const histogram: number[] = [];
    for (let row = 0; row < table.n; row++) {
      const size = length(rows, row);
      while (histogram.length <= size) histogram.push(0);
      (histogram[size] as number) += 1;
    }
    return { mean: table.n === 0 ? 0 : rows.ids.length / table.n, histogram };
  };
  return { gold: of(table.gold), predicted: of(table.pred) };
}

/** Predicted labels (a set a case) that the training rows do not have, in one view; `rate` is their share. */
export function outOfSet(
  cases: readonly LabelCase[],
  vocabulary: Iterable<string>,
  of: ViewOf,
): { readonly count: number; readonly predicted: number; readonly rate: number } {
  const known = new Set([...vocabulary].map(of));
  let unknown = 0;
  let predicted = 0;
  for (const { prediction } of cases) {
    const labels = viewLabels(prediction, of);
    predicted += labels.length;
    for (const label of labels) if (!known.has(label)) unknown++;
  }
  return { count: unknown, predicted, rate: predicted === 0 ? 0 : unknown / predicted };
}
