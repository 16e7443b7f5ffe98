import { type ViewOf, viewLabels } from "../../data/labels/views.ts";
import type { LabelCase } from "./table.ts";

/** The class of an answer without labels in the confusion matrix. */
export const noLabel = "(none)";

/** The class of an answer that could not be read. */
export const unreadableLabel = "(unreadable)";

/** Answers of a task with exactly one label per case, in one view. */
export type SingleLabel = {
  /** The cells of the confusion matrix that are not 0, by gold and predicted label. */
  readonly confusion: readonly { readonly gold: string; readonly predicted: string; readonly count: number }[];
};

/** The confusion matrix. Several labels of one case count as one combined class. */
export function singleLabel(cases: readonly LabelCase[], of: ViewOf): SingleLabel {
  const classOf = (labels: readonly string[]): string => viewLabels(labels, of).sort().join(" + ") || noLabel;
  const cells = new Map<string, Map<string, number>>();
  for (const { target, prediction, parsed } of cases) {
    const gold = classOf(target);
    const predicted = parsed === false ? unreadableLabel : classOf(prediction);
    const row = cells.get(gold) ?? new Map<string, number>();
    cells.set(gold, row);
    row.set(predicted, (row.get(predicted) ?? 0) + 1);
  }
  const order = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  return {
    confusion: [...cells]
      .sort(([a], [b]) => order(a, b))
      .flatMap(([gold, row]) =>
        [...row].sort(([a], [b]) => order(a, b)).map(([predicted, count]) => ({ gold, predicted, count })),
      ),
  };
}
