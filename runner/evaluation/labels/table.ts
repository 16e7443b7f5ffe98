import { basicForm } from "../../data/labels/basic.ts";
import type { ViewOf } from "../../data/labels/views.ts";
import type { ScoredCases } from "../../plugins/metrics/metric.ts";
import type { ScoredCase } from "../../plugins/tasks/task.ts";
import { type Columns, type Credit, type LabelSpace, unreadable } from "./counters.ts";
import { averagePrecision } from "./ranking.ts";

/** A list of labels, as written. */
export type Labels = readonly string[];

/** One case to be scored. */
export type LabelCase = ScoredCase<Labels, Labels>;

/** Gold cases below which a label is rare, if the study sets no number. */
export const defaultMinCases = 5;

/** Share of the longer label by which two labels may differ and match softly, if the study sets none. */
export const defaultSoftDistance = 0.2;

/** Settings of scores; each has a default. */
export type Scoring = {
  readonly minCases?: number | undefined;
  readonly credit?: Credit | undefined;
};

/** Sparse rows: the ids of row i are `ids[offsets[i] .. offsets[i + 1])`. */
export type Rows = { readonly offsets: Int32Array; readonly ids: Int32Array };

/** Cases with each distinct text replaced by a number, once for all views. */
export type Interned = {
  readonly texts: readonly string[];
  readonly gold: Rows;
  readonly pred: Rows;
  /** 1 for a case whose answer could not be read. */
  readonly unreadable: Uint8Array;
  /** The scores of labels of each case; undefined if no case has some. */
  readonly margins: readonly LabelCase["margins"][] | undefined;
};

/** Cases in one view, as label columns: what every label metric counts in. */
export type Table = LabelSpace & {
  /** Number of cases. */
  readonly n: number;
  readonly gold: Rows;
  readonly pred: Rows;
  /** What gold and predicted share. */
  readonly hits: Rows;
  /** 1 for a case whose answer could not be read. */
  readonly unreadable: Uint8Array;
  /**
   * Average precision of each case's scores; NaN for a case without scores or gold. Undefined if no case has scores.
   */
  readonly precision: Float64Array | undefined;
};

/** A table as the cases that metrics score. */
export function scoredCases(table: Table): ScoredCases<Columns, Columns, LabelSpace> & { readonly table: Table } {
  const { n, gold, pred, hits } = table;
  const isReadable = (row: number): boolean => table.unreadable[row] !== 1;
  return {
    n,
    table,
    space: table,
    target: (row) => rowOf(gold, row),
    prediction: (row) => (isReadable(row) ? rowOf(pred, row) : unreadable),
    isCorrect: (row) =>
      isReadable(row) && length(gold, row) === length(hits, row) && length(pred, row) === length(hits, row),
    measured(row) {
      const precision = table.precision?.[row];
      return precision === undefined || Number.isNaN(precision) ? undefined : { precision };
    },
    isSame: (other) => "table" in other && isAlike(table, other.table as Table),
  };
}

/** Number of labels in a row. */
export function length(rows: Rows, row: number): number {
  return (rows.offsets[row + 1] as number) - (rows.offsets[row] as number);
}

function rowOf({ offsets, ids }: Rows, row: number): Columns {
  return ids.subarray(offsets[row] as number, offsets[row + 1] as number);
}

/** Whether two tables hold the same answers apart from case, spaces and punctuation of the labels. */
function isAlike(a: Table, b: Table): boolean {
  return (
    a.labels.length === b.labels.length &&
    a.outOfSet === b.outOfSet &&
    a.minCases === b.minCases &&
    a.credit === b.credit &&
    a.names.length === b.names.length &&
    a.names.every((name, column) => name === b.names[column]) &&
    isEqual(a.gold, b.gold) &&
    isEqual(a.pred, b.pred) &&
    a.precision?.length === b.precision?.length &&
    (a.precision?.every((value, row) => Object.is(value, b.precision?.[row])) ?? true)
  );
}

function isEqual(a: Rows, b: Rows): boolean {
  const same = (x: Int32Array, y: Int32Array): boolean =>
    x.length === y.length && x.every((value, at) => value === y[at]);
  return same(a.offsets, b.offsets) && same(a.ids, b.ids);
}

/** Numbers the texts of all cases, in order of first occurrence. */
export function intern(cases: readonly LabelCase[]): Interned {
  const number = new Map<string, number>();
  const rows = (side: "target" | "prediction"): Rows => {
    const offsets = new Int32Array(cases.length + 1);
    let size = 0;
    cases.forEach((one, row) => {
      size += one[side].length;
      offsets[row + 1] = size;
    });
    const ids = new Int32Array(size);
    let at = 0;
    for (const one of cases) {
      for (const text of one[side]) {
        let id = number.get(text);
        if (id === undefined) {
          id = number.size;
          number.set(text, id);
        }
        ids[at++] = id;
      }
    }
    return { offsets, ids };
  };
  return {
    gold: rows("target"),
    pred: rows("prediction"),
    texts: [...number.keys()],
    unreadable: Uint8Array.from(cases, ({ parsed }) => Number(parsed === false)),
    margins: cases.some(({ margins }) => margins !== undefined) ? cases.map(({ margins }) => margins) : undefined,
  };
}

/**
 * Brings interned cases into a view, each side of a case as a set. The labels are gold union predicted; with `space`,
 * they are space union gold, and each other predicted label has a column after them.
 */
export function tabulate(
  interned: Interned,
  of: ViewOf,
  space?: Iterable<string>,
  { minCases = defaultMinCases, credit = { softDistance: defaultSoftDistance } }: Scoring = {},
): Table {
  const forms = interned.texts.map(of);
  const n = interned.gold.offsets.length - 1;
  const goldForms = (): string[] => [...new Set(interned.gold.ids)].map((id) => forms[id] as string);
  const wanted = space === undefined ? new Set(forms) : new Set([...[...space].map(of), ...goldForms()]);
  wanted.delete("");
  const labels = [...wanted].sort();
  const outOfSet = space === undefined ? undefined : labels.length;

  // Every distinct form has an id; forms within the space come first, so that their id is their column.
  const id = new Map(labels.map((label, column) => [label, column]));
  const formOf = Int32Array.from(forms, (form) => {
    if (form === "") return -1;
    const known = id.get(form) ?? id.size;
    id.set(form, known);
    return known;
  });
  const inGold = new Int32Array(id.size).fill(-1);
  const inPred = new Int32Array(id.size).fill(-1);
  const gold = new Builder(n, interned.gold.ids.length);
  const pred = new Builder(n, interned.pred.ids.length);
  const hits = new Builder(n, Math.min(interned.gold.ids.length, interned.pred.ids.length));
  for (let row = 0; row < n; row++) {
    const goldEnd = interned.gold.offsets[row + 1] as number;
    for (let at = interned.gold.offsets[row] as number; at < goldEnd; at++) {
      const form = formOf[interned.gold.ids[at] as number] as number;
      if (form < 0 || inGold[form] === row) continue;
      inGold[form] = row;
      gold.push(form);
    }
    const predEnd = interned.pred.offsets[row + 1] as number;
    for (let at = interned.pred.offsets[row] as number; at < predEnd; at++) {
      const form = formOf[interned.pred.ids[at] as number] as number;
      if (form < 0 || inPred[form] === row) continue;
      inPred[form] = row;
      pred.push(form);
      if (inGold[form] === row) hits.push(form);
    }
    gold.endRow(row);
    pred.endRow(row);
    hits.endRow(row);
  }
  const rows = { gold: gold.rows(), pred: pred.rows(), hits: hits.rows() };
  const names = [...id.keys()].map(basicForm);
  const goldOf = (row: number): ReadonlySet<string> =>
    new Set(Array.from(rowOf(rows.gold, row), (column) => labels[column] as string));
  const precision = interned.margins && precisionOf(interned.margins, of, new Set(labels), goldOf);
  return { n, labels, outOfSet, minCases, names, credit, ...rows, unreadable: interned.unreadable, precision };
}

/** Average precision of each case. Labels that are equal in a view have the best of their scores. */
function precisionOf(
  margins: readonly LabelCase["margins"][],
  of: ViewOf,
  labels: ReadonlySet<string>,
  goldOf: (row: number) => ReadonlySet<string>,
): Float64Array {
  const all = new Set(labels);
  const scores = margins.map((own) => {
    if (own === undefined) return undefined;
    const best = new Map<string, number>();
    for (const [label, margin] of Object.entries(own)) {
      const form = of(label);
      if (form === "") continue;
      all.add(form);
      best.set(form, Math.max(margin, best.get(form) ?? margin));
    }
    return best;
  });
  return Float64Array.from(scores, (own, row) => (own && averagePrecision(goldOf(row), own, all.size)) ?? Number.NaN);
}

class Builder {
  private readonly offsets: Int32Array;
  private readonly ids: Int32Array;
  private size = 0;

  constructor(rows: number, capacity: number) {
    this.offsets = new Int32Array(rows + 1);
    this.ids = new Int32Array(capacity);
  }

  push(id: number): void {
    this.ids[this.size++] = id;
  }

  endRow(row: number): void {
    this.offsets[row + 1] = this.size;
  }

  rows(): Rows {
    return { offsets: this.offsets, ids: this.ids.subarray(0, this.size) };
  }
}
