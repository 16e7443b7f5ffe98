/** A training row, or a case to be answered. */
export type LabelledText = { readonly input: string; readonly gold: readonly string[] };

/**
 * A baseline without fitting: it answers each case with the labels of training rows. With `isSingle`, each case has
 * exactly one label, and the baseline answers every case.
 */
export type Baseline = (
  train: readonly LabelledText[],
  cases: readonly string[],
  isSingle?: boolean,
) => readonly (readonly string[])[];
