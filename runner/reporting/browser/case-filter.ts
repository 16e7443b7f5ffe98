import { type CompactAnswer, type CompactCase, textOf } from "../report/compact-cases.ts";

/** The selected filters. */
export type CaseFilter = {
  /** In lower case; empty matches every case. */
  readonly text: string;
  readonly arm: number | undefined;
  /** The arm that "differ" compares with `arm`; undefined compares all arms. */
  readonly other: number | undefined;
  /** "" (any), "right", "wrong", "differ" (right in some arms only), or the index of a category. */
  readonly answer: string;
  /** The index of a label. */
  readonly label: number | undefined;
};

/** All text of a case in lower case. */
export function searchable([id, input, gold, answers]: CompactCase, labels: readonly string[]): string {
  const labelNames = [...gold, ...answers.flatMap((answer) => answer?.[1] ?? [])].map((label) => labels[label]);
  const texts = answers.map((_, arm) => textOf(answers, arm) ?? "");
  return [id, input, ...labelNames, ...texts].join("\n").toLowerCase();
}

/** Whether a case passes the filter. Conditions on predictions apply to the selected arm, or to any arm. */
export function matches([, , gold, all]: CompactCase, text: string, filter: CaseFilter): boolean {
  const { text: query, arm, other, answer, label } = filter;
  const given = (arm === undefined ? all : [all[arm] ?? null]).filter((one) => one !== null);
  if (arm !== undefined && given.length === 0) return false;
  if (label !== undefined && !gold.includes(label) && !given.some(([, added]) => added.includes(label))) return false;
  const compared = arm === undefined || other === undefined ? all : [all[arm] ?? null, all[other] ?? null];
  if (answer !== "" && !matchesAnswer(answer, given, compared)) return false;
  return query === "" || text.includes(query);
}

function matchesAnswer(answer: string, given: readonly CompactAnswer[], all: CompactCase[3]): boolean {
  if (answer === "right") return given.some(isRight);
  if (answer === "wrong") return given.some((one) => !isRight(one));
  if (answer === "differ") {
    const scored = all.filter((one) => one !== null);
    return scored.some(isRight) && scored.some((one) => !isRight(one));
  }
  return given.some(([, , categories]) => categories.includes(Number(answer)));
}

// An answer that could not be read misses nothing if gold is empty, but its category shows that it is not correct.
const isRight = ([missed, added, categories]: CompactAnswer): boolean =>
  missed.length === 0 && added.length === 0 && categories.length === 0;
