import type { Answer, ComparedCase } from "../../plugins/tasks/category.ts";
import { compareParts } from "../compare-parts.ts";

/**
 * Compares an answer with gold. `parts` gives the parts of a target, or of a prediction with its target, in the view
 * that is analysed.
 */
export function compareCase(
  answer: Answer,
  parts: (value: unknown, gold?: unknown) => readonly string[],
): ComparedCase {
  const [gold, given] = [parts(answer.gold), parts(answer.prediction, answer.gold)];
  const { omitted, added, exact } = compareParts(gold, given, answer.parsed);
  return { id: answer.id, answer, gold, given, omitted, added, exact };
}

/** Counts of labels over cases, for micro-averaged scores. */
export type Tally = { readonly support: number; readonly predicted: number; readonly hits: number };

/**
 * Scores of some cases: their number, the share of correct ones, and micro-averaged F1 over parts (0 if there are
 * none).
 */
export type CaseScore = { readonly cases: number; readonly exact_match: number; readonly micro_f1: number };

/** Scores cases. */
export function scoreCases(cases: readonly ComparedCase[]): CaseScore {
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

/** 2 hits / (support + predicted); 0 if both are 0, as scikit-learn's zero_division=0. */
export function f1({ support, predicted, hits }: Tally): number {
  return support + predicted === 0 ? 0 : (2 * hits) / (support + predicted);
}
