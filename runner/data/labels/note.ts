/** A deviation of an answer from a plain list of labels. */
export type Note =
  | "empty"
  | "think"
  | "residue"
  | "heading"
  | "list"
  | "json"
  | "none"
  | "truncated"
  | "repeated"
  | "several"
  | "extra-text"
  | "prose"
  | "refusal";
