import { type PackedAnswer, type PackedCase, textOf } from "../report/compact-cases.ts";

/** What a reader wants to see. */
export type Wanted = {
  /** Lower case; empty for any. */
  readonly text: string;
  readonly arm: number | undefined;
  /** "", "right", "wrong", "differ", or a category's position. */
  readonly answer: string;
  /** A label's number. */
  readonly label: number | undefined;
};

/** All that is written in a case, in lower case. */
export function searchable([id, input, gold, answers]: PackedCase, labels: readonly string[]): string {
  const named = [...gold, ...answers.flatMap((answer) => answer?.[1] ?? [])].map((label) => labels[label]);
  const said = answers.map((_, arm) => textOf(answers, arm) ?? "");
  return [id, input, ...named, ...said].join("\n").toLowerCase();
}

/** Whether a case is wanted; answers are those of the wanted arm, or of any. */
export function matches([, , gold, all]: PackedCase, text: string, wanted: Wanted): boolean {
  const { text: words, arm, answer, label } = wanted;
  const given = (arm === undefined ? all : [all[arm] ?? null]).filter((one) => one !== null);
  if (arm !== undefined && given.length === 0) return false;
  if (label !== undefined && !gold.includes(label) && !given.some(([, added]) => added.includes(label))) return false;
  if (answer !== "" && !isSo(answer, given, all)) return false;
  return words === "" || text.includes(words);
}

function isSo(answer: string, given: readonly PackedAnswer[], all: PackedCase[3]): boolean {
  if (answer === "right") return given.some(isRight);
  if (answer === "wrong") return given.some((one) => !isRight(one));
  if (answer === "differ") {
    const scored = all.filter((one) => one !== null);
    return scored.some(isRight) && scored.some((one) => !isRight(one));
  }
  return given.some(([, , categories]) => categories.includes(Number(answer)));
}

const isRight = ([missed, added]: PackedAnswer): boolean => missed.length === 0 && added.length === 0;
