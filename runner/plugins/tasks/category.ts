import type { View } from "../../data/labels/views.ts";

/** One answer of one arm, as a line of predictions.jsonl holds it, with its prediction. */
export type Answer = {
  readonly id: string;
  readonly gold: unknown;
  readonly prediction: unknown;
  /** False if nothing could be read from the answer. */
  readonly parsed: boolean;
  /** What was odd about reading it. */
  readonly notes: readonly string[];
  readonly finish?: string | undefined;
  readonly new_tokens?: number | undefined;
  /** Label -> margin, for an arm that scores labels. */
  readonly margins?: Readonly<Record<string, number>> | undefined;
  /** Sum of the natural logarithms of the probabilities of the answer's tokens, the end token included. */
  readonly logprob?: number | undefined;
  /** The group of the case (`data.columns.group`); absent without groups. */
  readonly group?: string | undefined;
};

/** One answer compared with gold, both as their parts in the view that is analysed. */
export type ComparedCase = {
  readonly id: string;
  readonly answer: Answer;
  readonly gold: readonly string[];
  readonly given: readonly string[];
  readonly omitted: readonly string[];
  readonly added: readonly string[];
  readonly exact: boolean;
};

/** What a category depends on in addition to the case. */
export type CategoryContext = {
  /** Labels of the arm's training rows, in the view that is analysed. */
  readonly trained: ReadonlySet<string>;
  /** Groups of a label (in the view); none if the study has no groups. */
  groupsOf(label: string): readonly string[];
  /** The input text of a case. */
  input(id: string): string;
};

/** A property of a case by which an arm is scored on strata of the cases. It depends on gold and input alone. */
export type CaseProperty = {
  readonly name: string;
  /** The values in the order of tables. */
  readonly values: readonly string[];
  value(one: Pick<ComparedCase, "gold">, input: string): string;
};

/** A way to be wrong. A wrong case has every category that applies. */
export type Category = {
  readonly name: string;
  readonly definition: string;
  /** The part that an example of this category is about. Default: the first omitted part, else the first added one. */
  readonly about?: "added";
  applies(one: ComparedCase, context: CategoryContext): boolean;
};

/** A wrong part of an answer: a label, a value or the whole answer. */
export type AnswerError = {
  readonly id: string;
  /** Whether gold has it alone, the answer has it alone, or the answer has another one in its place. */
  readonly kind: ErrorKind;
  /** The label, the place of the value, or "" for the whole answer. */
  readonly label: string;
  /** Names of causes; empty if no rule applies. */
  readonly causes: readonly string[];
  /** The values of gold and of the answer as JSON; absent for labels and whole answers. */
  readonly expected?: string;
  readonly given?: string;
};
export type ErrorKind = "omitted" | "added" | "changed";

/** Characters of a text, from `start` to before `end`. */
export type Part = { readonly start: number; readonly end: number };

/** A sentence about an error; `name` and `trigger` are parts of it. */
export type Quote = { readonly sentence: string; readonly name: Part | null; readonly trigger: Part | null };

/** Rules that relate the errors of an answer to causes, for a task without labels. */
export type CauseRules = {
  /** What an error is about. */
  readonly unit: "value" | "answer";
  /** `phrase` completes "3 of the wrong values ..." in reports. */
  readonly causes: readonly { readonly name: string; readonly definition: string; readonly phrase: string }[];
  /** The errors of a wrong case; an error has every cause that applies. */
  errors(one: ComparedCase, input: string, view: View): readonly AnswerError[];
  /** The field of each gold value; absent for a task without fields. */
  support?(one: ComparedCase, view: View): readonly string[];
  /** The field of an error, by the fields that gold has; absent for a task without fields. */
  fieldOf?(error: AnswerError, known: ReadonlySet<string>): string;
  /** The sentence of the input or of the answer that shows an error with one of its causes; undefined without a clear one. */
  quote(error: AnswerError, cause: string, one: ComparedCase, input: string): Quote | undefined;
};
