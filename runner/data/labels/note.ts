/** A deviation of an answer from the form that the task asks for. */
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
  | "refusal"
  | "fence"
  | "not-json"
  | "invalid";
