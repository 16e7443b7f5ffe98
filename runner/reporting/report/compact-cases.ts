import type { Case, CaseAnswer, Cases } from "./cases.ts";

/** A prediction: indices of labels, and its text. A number in place of the text is the index of an earlier arm with the same text. */
export type CompactAnswer = readonly [
  missed: readonly number[],
  added: readonly number[],
  categories: readonly number[],
  text?: string | number,
];

/** A case. Correct labels are the gold labels without the missed ones, so they are not stored. */
export type CompactCase = readonly [
  id: string,
  input: string,
  gold: readonly number[],
  answers: readonly (CompactAnswer | null)[],
];

/** Cases as a page embeds them: each label is stored once, and the browser expands a case when it displays it. */
export type CompactCases = Omit<Cases, "cases" | "notes"> & {
  readonly labels: readonly string[];
  readonly cases: readonly CompactCase[];
};

/** Compacts cases; `expandCase` is the inverse for one case. */
export function compactCases({ view, hasLabels, arms, categories, cases }: Cases): CompactCases {
  const indices = new Map<string, number>();
  const indexOf = (label: string): number => {
    const known = indices.get(label) ?? indices.size;
    indices.set(label, known);
    return known;
  };
  const compacted = cases.map(({ id, input, gold, answers }): CompactCase => {
    const texts = answers.map((answer) => answer?.text);
    const compactAnswers = answers.map((answer, arm): CompactAnswer | null => {
      if (answer === null) return null;
      const { missed, added, categories: categoryIndices, text } = answer;
      const labels = [missed.map(indexOf), added.map(indexOf), categoryIndices] as const;
      if (text === undefined) return labels;
      const first = texts.indexOf(text);
      return [...labels, first < arm ? first : text];
    });
    return [id, input, gold.map(indexOf), compactAnswers];
  });
  return { view, hasLabels, arms, categories, labels: [...indices.keys()], cases: compacted };
}

/** Expands one compacted case. */
export function expandCase([id, input, gold, answers]: CompactCase, labels: readonly string[]): Case {
  const labelNames = (indices: readonly number[]): readonly string[] => indices.map((index) => labels[index] as string);
  return {
    id,
    input,
    gold: labelNames(gold),
    answers: answers.map((answer, arm): CaseAnswer | null => {
      if (answer === null) return null;
      const [missed, added, categories] = answer;
      const text = textOf(answers, arm);
      return {
        right: labelNames(gold.filter((label) => !missed.includes(label))),
        missed: labelNames(missed),
        added: labelNames(added),
        categories,
        ...(text === undefined ? {} : { text }),
      };
    }),
  };
}

/** The text that an arm generated. */
export function textOf(answers: CompactCase[3], arm: number): string | undefined {
  const text = answers[arm]?.[3];
  return typeof text === "number" ? textOf(answers, text) : text;
}
