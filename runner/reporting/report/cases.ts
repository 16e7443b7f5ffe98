/** What one arm answered to one case, labels in the view that is shown. */
export type CaseAnswer = {
  readonly right: readonly string[];
  readonly missed: readonly string[];
  readonly added: readonly string[];
  /** Positions in `Cases.categories`; none for a right answer. */
  readonly categories: readonly number[];
  /** The answer as it was written; absent for arms that write none. */
  readonly text?: string;
};

/** One scored case and every arm's answer to it, in the order of `Cases.arms`; null where an arm was not scored on it. */
export type Case = {
  readonly id: string;
  readonly input: string;
  readonly gold: readonly string[];
  readonly answers: readonly (CaseAnswer | null)[];
};

/** Every case of one or more runs: what a reader of a page filters and compares. */
export type Cases = {
  /** The view that labels are shown and judged in. */
  readonly view: string;
  readonly arms: readonly string[];
  readonly categories: readonly { readonly name: string; readonly definition: string }[];
  readonly cases: readonly Case[];
  /** What a reader must know about how cases are shown. */
  readonly notes: readonly string[];
};
