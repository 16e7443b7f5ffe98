import { isNothing } from "../../data/labels/nothing.ts";
import { type ViewOf, viewLabels } from "../../data/labels/views.ts";

/** One answer of one arm, as it was scored. */
export type Answer = {
  readonly id: string;
  /** Labels as written. */
  readonly gold: readonly string[];
  readonly labels: readonly string[];
  /** False where nothing could be read; the answer then counts as the empty set. */
  readonly parsed: boolean;
  /** What was odd about reading it. */
  readonly notes: readonly string[];
  readonly finish?: string | undefined;
  readonly new_tokens?: number | undefined;
  /** Sum of the natural logarithms of the probabilities of the answer's tokens, the end token included. */
  readonly logprob?: number | undefined;
};

/** One answer compared with gold, all labels in the view that is analysed. */
export type Compared = {
  readonly id: string;
  readonly answer: Answer;
  readonly gold: readonly string[];
  readonly given: readonly string[];
  readonly omitted: readonly string[];
  readonly added: readonly string[];
  readonly exact: boolean;
};

/** Compares an answer with gold in a view. */
export function compareCase(answer: Answer, of: ViewOf): Compared {
  const gold = viewLabels(answer.gold, of);
  const given = viewLabels(answer.labels, of);
  const [right, said] = [new Set(gold), new Set(given)];
  const omitted = gold.filter((label) => !said.has(label));
  const added = given.filter((label) => !right.has(label));
  return { id: answer.id, answer, gold, given, omitted, added, exact: omitted.length === 0 && added.length === 0 };
}

/** Whether a label set says that there is nothing to name: it is empty, or holds only labels such as "no abnormality". */
export function isNormal(labels: readonly string[]): boolean {
  return labels.every(isNothing);
}

/** Counts of labels over cases, from which micro-averaged scores come. */
export type Tally = { readonly support: number; readonly predicted: number; readonly hits: number };

/** Scores of some cases: how many, how many exactly right, and micro-averaged F1 (0 where nothing is counted). */
export type CaseScore = { readonly cases: number; readonly exact_match: number; readonly micro_f1: number };

/** Scores cases. */
export function scoreCases(cases: readonly Compared[]): CaseScore {
  let [support, predicted, missed, exact] = [0, 0, 0, 0];
  for (const one of cases) {
    support += one.gold.length;
    predicted += one.given.length;
    missed += one.omitted.length;
    if (one.exact) exact++;
  }
  return {
    cases: cases.length,
    exact_match: cases.length === 0 ? 0 : exact / cases.length,
    micro_f1: f1({ support, predicted, hits: support - missed }),
  };
}

/** 2 hits / (support + predicted); 0 where both are 0, as scikit-learn's zero_division=0. */
export function f1({ support, predicted, hits }: Tally): number {
  return support + predicted === 0 ? 0 : (2 * hits) / (support + predicted);
}
