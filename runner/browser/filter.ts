import type { Case, CaseAnswer } from "../report/cases.ts";

/** What a reader wants to see. */
export type Wanted = {
  /** Lower case; empty for any. */
  readonly text: string;
  readonly arm: number | undefined;
  /** "", "right", "wrong", "differ", or a category's position. */
  readonly answer: string;
  /** Empty for any. */
  readonly label: string;
};

/** All that is written in a case, in lower case. */
export function searchable({ id, input, gold, answers }: Case): string {
  const said = answers.flatMap((answer) => (answer === null ? [] : [...answer.added, answer.text ?? ""]));
  return [id, input, ...gold, ...said].join("\n").toLowerCase();
}

/** Whether a case is wanted; answers are those of the wanted arm, or of any. */
export function matches(one: Case, text: string, { text: words, arm, answer, label }: Wanted): boolean {
  const answers = arm === undefined ? one.answers : [one.answers[arm] ?? null];
  const given = answers.filter((one) => one !== null);
  if (arm !== undefined && given.length === 0) return false;
  if (label !== "" && !one.gold.includes(label) && !given.some(({ added }) => added.includes(label))) return false;
  if (answer !== "" && !isSo(answer, given, one.answers)) return false;
  return words === "" || text.includes(words);
}

function isSo(answer: string, given: readonly CaseAnswer[], all: readonly (CaseAnswer | null)[]): boolean {
  if (answer === "right") return given.some(isRight);
  if (answer === "wrong") return given.some((one) => !isRight(one));
  if (answer === "differ") {
    const scored = all.filter((one) => one !== null);
    return scored.some(isRight) && scored.some((one) => !isRight(one));
  }
  return given.some(({ categories }) => categories.includes(Number(answer)));
}

const isRight = ({ missed, added }: CaseAnswer): boolean => missed.length === 0 && added.length === 0;
