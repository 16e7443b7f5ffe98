type ClassicalBaseline = {
  /** The name in tables. */
  readonly displayName: string;
  /** Present if it writes margins.jsonl: a score of each label for each case. */
  readonly hasMargins?: true;
  /** Present if it uses the study's groups of labels. */
  readonly readsGroups?: true;
};

/**
 * The classical baselines by name, from the simplest to the strongest, which is their order in tables. `index.ts` implements those
 * that run within exp; any other is the module of recipes/baselines with its name.
 */
export const classicalBaselines: Readonly<Record<string, ClassicalBaseline>> = {
  most_frequent: { displayName: "most frequent" },
  frequent_values: { displayName: "most frequent values" },
  lead: { displayName: "lead of the input" },
  nearest: { displayName: "nearest neighbour" },
  tfidf_fields: { displayName: "TF-IDF + SVM by field" },
  tfidf_svm: { displayName: "TF-IDF + SVM", hasMargins: true },
  linear: { displayName: "linear with chosen features", hasMargins: true, readsGroups: true },
};

/** The baselines that give a score to each label. */
export const classifiers: readonly string[] = Object.keys(classicalBaselines).filter(
  (name) => classicalBaselines[name]?.hasMargins,
);

/**
 * The baselines of an experiment that an ensemble may combine with the language model, from the simplest to the
 * strongest: those that write margins, or tfidf_svm if the experiment has none.
 */
export function classifiersAmong(names: readonly string[]): readonly string[] {
  const named = classifiers.filter((name) => names.includes(name));
  return named.length === 0 ? ["tfidf_svm"] : named;
}
