/** The name of a classical baseline in tables. */
type Names = { readonly displayName: string };

/**
 * The classical baselines by name, from the simplest to the strongest, which is their order in tables. `index.ts` implements those
 * that run within exp; any other is the module of recipes/baselines with its name.
 */
export const classicalBaselines: Readonly<Record<string, Names>> = {
  most_frequent: { displayName: "most frequent" },
  frequent_values: { displayName: "most frequent values" },
  lead: { displayName: "lead of the input" },
  nearest: { displayName: "nearest neighbour" },
  tfidf_fields: { displayName: "TF-IDF + SVM by field" },
  tfidf_svm: { displayName: "TF-IDF + SVM" },
  linear: { displayName: "linear with chosen features" },
};

/** The baseline that an ensemble combines with the language model. It writes the margins of its labels. */
export const ensembleBaseline = "tfidf_svm";
