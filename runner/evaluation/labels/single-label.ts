import { type ViewOf, viewLabels } from "../../data/labels/views.ts";
import type { LabelCase } from "./table.ts";

/** The class of an answer without labels in the confusion matrix. */
export const noLabel = "(none)";

/** The class of an answer that could not be read. */
export const unreadableLabel = "(unreadable)";

/** Scores of a task with exactly one label per case, in one view. */
export type SingleLabel = {
  readonly accuracy: number;
  /** Agreement beyond chance, (observed - expected) / (1 - expected); 0 if the expected agreement is 1. */
  readonly cohen_kappa: number;
  /** The cells of the confusion matrix that are not 0, by gold and predicted label. */
  readonly confusion: readonly { readonly gold: string; readonly predicted: string; readonly count: number }[];
};

/**
 * Accuracy, Cohen's kappa (as scikit-learn's) and the confusion matrix. Several labels of one case count as one
 * combined class.
 */
export function singleLabel(cases: readonly LabelCase[], of: ViewOf): SingleLabel {
  const predictedClass = ({ prediction, parsed }: LabelCase): string =>
    parsed === false ? unreadableLabel : classOf(prediction);
  const classOf = (labels: readonly string[]): string => viewLabels(labels, of).sort().join(" + ") || noLabel;
  const cells = new Map<string, Map<string, number>>();
  const golds = new Map<string, number>();
  const predictions = new Map<string, number>();
  const add = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  let right = 0;
  for (const one of cases) {
    const gold = classOf(one.target);
    const predicted = predictedClass(one);
    const row = cells.get(gold) ?? new Map<string, number>();
    cells.set(gold, row);
    add(row, predicted);
    add(golds, gold);
    add(predictions, predicted);
    if (gold === predicted) right++;
  }
  const n = cases.length;
  let byChance = 0;
  for (const [name, count] of golds) byChance += count * (predictions.get(name) ?? 0);
  const expected = n === 0 ? 1 : byChance / n ** 2;
  const accuracy = n === 0 ? 0 : right / n;
  const order = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  return {
    accuracy,
    cohen_kappa: expected === 1 ? 0 : (accuracy - expected) / (1 - expected),
    confusion: [...cells]
      .sort(([a], [b]) => order(a, b))
      .flatMap(([gold, row]) =>
        [...row].sort(([a], [b]) => order(a, b)).map(([predicted, count]) => ({ gold, predicted, count })),
      ),
  };
}
