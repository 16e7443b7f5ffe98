import type { Lexicon } from "../../data/labels/lexicon.ts";
import { stem, stems } from "../../data/similar-labels.ts";
import { eachOnce } from "../../util/each-once.ts";
import { type Clause, clauseReader, type Mention, mentionAt, type Token } from "./clauses.ts";
import { learnNames, learnPairs, mostBetween, pairsOf } from "./learned-names.ts";
import type { LabelledText } from "./sentence.ts";

/** Finds labels in texts. */
export type MentionFinder = {
  /** The places of a text that name a label. */
  find(input: string, label: string): readonly Mention[];
  /** Whether a text has words that training rows with the label often have, and others do not. */
  hasUsualWording(input: string, label: string): boolean;
  /** Whether a sentence has a heading of the history. */
  isHistory(sentence: string): boolean;
};

/** Rows from which names and pairs are learned. */
const mostRows = 5000;

/**
 * Finds names of labels in clauses, and gives them the status of the phrases of the lexicon in the same clause (after
 * NegEx, Chapman et al. 2001, and ConText, Harkema et al. 2009). All words of a name must be in one clause, in any order
 * and number. Words are interchangeable if they are all by which two names of a label differ: with "kidney cyst" and
 * "renal cyst" as names of one label, "renal" equals "kidney" in all names.
 */
export function mentionFinder(
  lexicon: Lexicon,
  names: ReadonlyMap<string, readonly string[]>,
  training: readonly LabelledText[],
): MentionFinder {
  const equal = eachOnce(interchangeable([...names.values()].map((own) => own.map(stems))));
  const read = clauseReader(
    lexicon,
    eachOnce((word: string) => equal(stem(word))),
  );
  const rows = training.slice(0, mostRows).map(({ input, labels }) => ({ labels, clauses: read(input) }));
  const learned = learnNames(rows);
  const usual = learnPairs(rows);
  const formsOf = eachOnce((label: string) =>
    uniqueForms([
      ...(names.get(label) ?? [label]).map((name) => stems(name).map(equal)),
      ...(learned.get(label) ?? []),
    ]),
  );
  let last: { readonly input: string; readonly clauses: readonly Clause[] } | undefined;
  const clauses = (input: string): readonly Clause[] => {
    if (last?.input !== input) last = { input, clauses: read(input) };
    return last.clauses;
  };
  return {
    find: (input, label) =>
      clauses(input).flatMap((clause) => {
        const found = formsOf(label)
          .map((form) => smallest(clause.tokens, form))
          .find((window) => window !== undefined);
        return found === undefined ? [] : [mentionAt(clause, found)];
      }),
    hasUsualWording(input, label) {
      const own = usual.get(label);
      return own !== undefined && clauses(input).some((clause) => pairsOf(clause).some((pair) => own.has(pair)));
    },
    isHistory: (sentence) => read(sentence).some(({ heading }) => heading !== null),
  };
}

/** The smallest window of tokens that has all words of a form. */
function smallest(tokens: readonly Token[], form: readonly string[]): readonly Token[] | undefined {
  if (form.length === 0) return undefined;
  let best: readonly Token[] | undefined;
  tokens.forEach((first, from) => {
    if (!form.includes(first.form)) return;
    const rest = new Set(form);
    const most = Math.min(tokens.length, from + form.length + mostBetween);
    for (let at = from; at < most; at++) {
      rest.delete((tokens[at] as Token).form);
      if (rest.size > 0) continue;
      if (best === undefined || at - from + 1 < best.length) best = tokens.slice(from, at + 1);
      return;
    }
  });
  return best;
}

/** Maps each word to one of the words that are interchangeable with it. */
function interchangeable(byLabel: readonly (readonly (readonly string[])[])[]): (word: string) => string {
  const parent = new Map<string, string>();
  const root = (word: string): string => {
    const above = parent.get(word);
    return above === undefined ? word : root(above);
  };
  for (const names of byLabel) {
    for (const [at, a] of names.entries()) {
      for (const b of names.slice(at + 1)) {
        if (a.length !== b.length || a.length < 2) continue;
        const differing = a.flatMap((word, i) => (word === b[i] ? [] : [[word, b[i] as string] as const]));
        const [pair] = differing;
        if (pair === undefined || differing.length > 1) continue;
        const [one, other] = [root(pair[0]), root(pair[1])];
        if (one !== other) parent.set(one, other);
      }
    }
  }
  return root;
}

function uniqueForms(forms: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const seen = new Map(forms.map((form) => [form.toSorted().join(" "), [...new Set(form)]]));
  return [...seen.values()].sort((a, b) => b.length - a.length);
}
