import { basicForm } from "./basic.ts";
import { distinct } from "./split.ts";

/**
 * The three forms in which labels are compared.
 * raw: as written, trimmed. basic: NFKC, case folded, inner spaces single, no trailing punctuation.
 * canonical: basic, without the study's qualifiers, mapped by its synonyms.
 */
export const views = ["raw", "basic", "canonical"] as const;
export type View = (typeof views)[number];

/** A study's synonyms, resolved: from any label to its canonical form. */
export type Synonyms = {
  canonical(label: string): string;
  /** The names of a label in the file, in basic form. */
  variantsOf?(label: string): readonly string[];
};

/** Gives the form of a label in a view; empty if nothing of the label remains. */
export type ViewOf = (label: string) => string;

/** The function that brings labels into a view. It caches its results. */
export function viewOf(view: View, synonyms: Synonyms = { canonical: basicForm }): ViewOf {
  if (view === "raw") return (label) => label.trim();
  const form = view === "basic" ? basicForm : synonyms.canonical;
  const known = new Map<string, string>();
  return (label) => {
    let answer = known.get(label);
    if (answer === undefined) {
      answer = form(label);
      known.set(label, answer);
    }
    return answer;
  };
}

/** A set of labels in a view, in order of first occurrence. */
export function viewLabels(labels: readonly string[], of: ViewOf): string[] {
  return distinct(labels.map(of));
}
