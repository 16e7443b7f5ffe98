/** The prediction of one arm for one case, with labels in the displayed view. */
export type CaseAnswer = {
  /** Predicted labels that are gold labels. */
  readonly right: readonly string[];
  /** Gold labels that were not predicted. */
  readonly missed: readonly string[];
  /** Predicted labels that are not gold labels. */
  readonly added: readonly string[];
  /** Indices into `Cases.categories`; empty for a correct prediction. */
  readonly categories: readonly number[];
  /** The generated text; absent for arms that generate none. */
  readonly text?: string;
};

/** One evaluated case and the prediction of every arm, in the order of `Cases.arms`; null if an arm has none. */
export type Case = {
  readonly id: string;
  readonly input: string;
  readonly gold: readonly string[];
  readonly answers: readonly (CaseAnswer | null)[];
};

/** Every case of one or more runs: the data of the case explorer. */
export type Cases = {
  /** The view in which targets and predictions are displayed and compared. */
  readonly view: string;
  /** Whether they are labels. */
  readonly hasLabels: boolean;
  readonly arms: readonly string[];
  readonly categories: readonly { readonly name: string; readonly definition: string }[];
  readonly cases: readonly Case[];
  /** Remarks on how the cases are displayed. */
  readonly notes: readonly string[];
};
