/** A work that reports cite for an implementation. */
export type Citation = {
  /** Key of the entry, unique among the bibliography. */
  readonly key: string;
  /** The BibTeX entry on one line, values in braces. */
  readonly bibtex: string;
};
