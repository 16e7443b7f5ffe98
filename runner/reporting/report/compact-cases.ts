import type { Case, CaseAnswer, Cases } from "./cases.ts";

/** An answer: labels by their numbers, and its text; a number in the text's place is the earlier arm that wrote the same. */
export type PackedAnswer = readonly [
  missed: readonly number[],
  added: readonly number[],
  categories: readonly number[],
  text?: string | number,
];

/** A case: what was missed says what was right, so that only the former is kept. */
export type PackedCase = readonly [
  id: string,
  input: string,
  gold: readonly number[],
  answers: readonly (PackedAnswer | null)[],
];

/** Cases as a page carries them: each label is spelt once, and a reader's browser takes a case apart when it is looked at. */
export type PackedCases = Omit<Cases, "cases" | "notes"> & {
  readonly labels: readonly string[];
  readonly cases: readonly PackedCase[];
};

/** Packs cases; `unpacked` gives each of them back. */
export function packed({ view, arms, categories, cases }: Cases): PackedCases {
  const numbers = new Map<string, number>();
  const numberOf = (label: string): number => {
    const known = numbers.get(label) ?? numbers.size;
    numbers.set(label, known);
    return known;
  };
  const packedCases = cases.map(({ id, input, gold, answers }): PackedCase => {
    const texts = answers.map((answer) => answer?.text);
    const packedAnswers = answers.map((answer, arm): PackedAnswer | null => {
      if (answer === null) return null;
      const { missed, added, categories: kinds, text } = answer;
      const labels = [missed.map(numberOf), added.map(numberOf), kinds] as const;
      if (text === undefined) return labels;
      const first = texts.indexOf(text);
      return [...labels, first < arm ? first : text];
    });
    return [id, input, gold.map(numberOf), packedAnswers];
  });
  return { view, arms, categories, labels: [...numbers.keys()], cases: packedCases };
}

/** A case as it was before it was packed. */
export function unpacked([id, input, gold, answers]: PackedCase, labels: readonly string[]): Case {
  const words = (numbers: readonly number[]): readonly string[] => numbers.map((number) => labels[number] as string);
  return {
    id,
    input,
    gold: words(gold),
    answers: answers.map((answer, arm): CaseAnswer | null => {
      if (answer === null) return null;
      const [missed, added, categories] = answer;
      const text = textOf(answers, arm);
      return {
        right: words(gold.filter((label) => !missed.includes(label))),
        missed: words(missed),
        added: words(added),
        categories,
        ...(text === undefined ? {} : { text }),
      };
    }),
  };
}

/** What an arm wrote. */
export function textOf(answers: PackedCase[3], arm: number): string | undefined {
  const text = answers[arm]?.[3];
  return typeof text === "number" ? textOf(answers, text) : text;
}
