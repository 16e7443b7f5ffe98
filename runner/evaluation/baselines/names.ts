/** Names of a classical baseline in reports, and in narrow tables on the terminal. */
type Names = { readonly displayName: string; readonly shortName: string };

/**
 * The classical baselines by name, from the simplest to the strongest, which is their order in tables. `index.ts` implements those
 * that run within exp; any other is the module of recipes/baselines with its name.
 */
export const classicalBaselines: Readonly<Record<string, Names>> = {
  most_frequent: { displayName: "most frequent", shortName: "frequent" },
  nearest: { displayName: "nearest neighbour", shortName: "nearest" },
  lead: { displayName: "lead of the input", shortName: "lead" },
  tfidf_svm: { displayName: "TF-IDF + SVM", shortName: "TF-IDF" },
};

/** The baseline that an ensemble combines with the language model. It writes the margins of its labels. */
export const ensembleBaseline = "tfidf_svm";
