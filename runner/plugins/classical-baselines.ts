type ClassicalBaseline = {
  /** The name in tables. */
  readonly displayName: string;
  /** What it predicts, as reports say. */
  readonly definition: string;
  /** Present if it writes margins.jsonl: a score of each label for each case. */
  readonly hasMargins?: true;
  /** Present if it uses the study's groups of labels. */
  readonly readsGroups?: true;
};

/**
 * The classical baselines by name, from the simplest to the strongest, which is their order in tables.
 * `evaluation/baselines/index.ts` implements those that run within exp; any other is the module of recipes/baselines with
 * its name.
 */
export const classicalBaselines: Readonly<Record<string, ClassicalBaseline>> = {
  most_frequent: {
    displayName: "most frequent",
    definition: "The most frequent answer of the training rows, for every case",
  },
  frequent_values: {
    displayName: "most frequent values",
    definition: "For each key, its most frequent value in the training rows; the same object for every case",
  },
  lead: {
    displayName: "lead of the input",
    definition: "The first words of the input; their number has the highest mean ROUGE-L on the training rows",
  },
  nearest: {
    displayName: "nearest neighbour",
    definition:
      "The answer of the training row with the most similar input (cosine of TF-IDF vectors over words and word pairs)",
  },
  tfidf_fields: {
    displayName: "TF-IDF + SVM by field",
    definition:
      "For each key with repeated values, a linear SVM over TF-IDF; for any other key, its most frequent value",
  },
  tfidf_svm: {
    displayName: "TF-IDF + SVM",
    hasMargins: true,
    definition:
      "A linear SVM for each label over TF-IDF of words and word pairs; its threshold is chosen by cross-validation on the training rows",
  },
  linear: {
    displayName: "linear with chosen features",
    hasMargins: true,
    readsGroups: true,
    definition:
      "A linear classifier for each label; cross-validation on the training rows chooses classifier, features and thresholds",
  },
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
