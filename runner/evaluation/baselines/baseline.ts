/** A training row: its input and its target as the task reads it. */
type TrainingRow = { readonly input: string; readonly gold: unknown };

/**
 * A baseline without fitting: it gives a prediction for the input of each case from training rows. With `isSingle`,
 * each case has exactly one label, and the baseline answers every case.
 */
export type Baseline = (
  train: readonly TrainingRow[],
  cases: readonly string[],
  isSingle?: boolean,
) => readonly unknown[];
