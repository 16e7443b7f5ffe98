import type { ViewOf } from "../../data/labels/views.ts";

/** One case to be scored: what is right and what was answered, each a list of labels as written. */
export type Case = { readonly id: string; readonly gold: readonly string[]; readonly pred: readonly string[] };

/** Sparse rows: the ids of row i are `ids[offsets[i] .. offsets[i + 1])`. */
export type Rows = { readonly offsets: Int32Array; readonly ids: Int32Array };

/** Cases with each distinct text replaced by a number, once for all views. */
export type Interned = { readonly texts: readonly string[]; readonly gold: Rows; readonly pred: Rows };

/** Cases in one view, as label columns: what every metric counts in. */
export type Table = {
  /** Number of cases. */
  readonly n: number;
  /** Column -> label, in code-unit order. */
  readonly labels: readonly string[];
  /** Number of columns: the labels, and one for what lies outside a fixed space. */
  readonly columns: number;
  /** Column of predictions outside a fixed space; undefined where the space is gold union predicted. */
  readonly outOfSet: number | undefined;
  readonly gold: Rows;
  /** Each out-of-set prediction counts, so the out-of-set column may stand several times in a row. */
  readonly pred: Rows;
  /** What gold and predicted share. */
  readonly hits: Rows;
};

/** Numbers the texts of all cases, in order of first occurrence. */
export function intern(cases: readonly Case[]): Interned {
  const number = new Map<string, number>();
  const rows = (side: "gold" | "pred"): Rows => {
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
  return { gold: rows("gold"), pred: rows("pred"), texts: [...number.keys()] };
}

/**
 * Brings interned cases into a view, each side of a case as a set. The columns are gold union predicted;
 * with `space`, they are space union gold, and one more that takes every other prediction.
 */
export function tabulate(interned: Interned, of: ViewOf, space?: Iterable<string>): Table {
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
  const columns = labels.length + (outOfSet === undefined ? 0 : 1);
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
      pred.push(Math.min(form, labels.length));
      if (inGold[form] === row) hits.push(form);
    }
    gold.endRow(row);
    pred.endRow(row);
    hits.endRow(row);
  }
  return { n, labels, columns, outOfSet, gold: gold.rows(), pred: pred.rows(), hits: hits.rows() };
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
