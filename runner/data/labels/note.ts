/** What was odd about an answer. */
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
