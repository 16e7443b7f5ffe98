import { type ViewOf, viewLabels } from "../../data/labels/views.ts";
import { type Counts, count, length } from "./count.ts";
import type { Case, Rows, Table } from "./table.ts";

/** One label in one view. */
export type LabelRow = {
  readonly label: string;
  /** Cases whose gold has it, whose prediction has it, and where both have it. */
  readonly support: number;
  readonly predicted: number;
  readonly tp: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
};

/** The row that stands for every prediction outside a fixed label space. */
export const outOfSetLabel = "(out of set)";

/** Every label's counts and scores, most frequent in gold first, ties by name. */
export function labelRows(table: Table, counts: Counts = count(table)): LabelRow[] {
  const rows = Array.from({ length: table.columns }, (_, column): LabelRow => {
    const support = counts.support[column] as number;
    const predicted = counts.predicted[column] as number;
    const tp = counts.hits[column] as number;
    return {
      label: column === table.outOfSet ? outOfSetLabel : (table.labels[column] as string),
      support,
      predicted,
      tp,
      precision: predicted === 0 ? 0 : tp / predicted,
      recall: support === 0 ? 0 : tp / support,
      f1: support + predicted === 0 ? 0 : (2 * tp) / (support + predicted),
    };
  });
  return rows.sort((a, b) => b.support - a.support || (a.label < b.label ? -1 : 1));
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
  cases: readonly Case[],
  vocabulary: Iterable<string>,
  of: ViewOf,
): { readonly count: number; readonly predicted: number; readonly rate: number } {
  const known = new Set([...vocabulary].map(of));
  let unknown = 0;
  let predicted = 0;
  for (const { pred } of cases) {
    const labels = viewLabels(pred, of);
    predicted += labels.length;
    for (const label of labels) if (!known.has(label)) unknown++;
  }
  return { count: unknown, predicted, rate: predicted === 0 ? 0 : unknown / predicted };
}

/** Answers in which no label and no "none" could be read; each counts as the empty set. */
export function parseFailures(answers: Iterable<{ readonly parsed: boolean }>): {
  readonly count: number;
  readonly rate: number;
} {
  let count = 0;
  let n = 0;
  for (const { parsed } of answers) {
    n++;
    if (!parsed) count++;
  }
  return { count, rate: n === 0 ? 0 : count / n };
}

/** One case in one view: what was missed and what was added, in the view's forms. */
export type CaseOutcome = {
  readonly exact: boolean;
  /** 2 TP / (gold + predicted); 0 where both are empty, though `exact` is true there. */
  readonly f1: number;
  readonly omissions: readonly string[];
  readonly additions: readonly string[];
};

/** Compares one answer with gold. */
export function caseOutcome(gold: readonly string[], pred: readonly string[], of: ViewOf): CaseOutcome {
  const right = viewLabels(gold, of);
  const given = viewLabels(pred, of);
  const rightSet = new Set(right);
  const givenSet = new Set(given);
  const omissions = right.filter((label) => !givenSet.has(label));
  const additions = given.filter((label) => !rightSet.has(label));
  const both = right.length - omissions.length;
  return {
    exact: omissions.length === 0 && additions.length === 0,
    f1: both === 0 ? 0 : (2 * both) / (right.length + given.length),
    omissions,
    additions,
  };
}
