import { wordsAt } from "../../data/words.ts";
import type { CauseRules, ComparedCase, Part, Quote } from "../../plugins/tasks/category.ts";
import { numbersIn } from "../stated-values.ts";
import { commonRun, tokenF1 } from "./overlap.ts";
import { sharedWords } from "./strata.ts";
import { rougeTokens, squadTokens } from "./tokens.ts";

/** Fewest words in a row that count as copied. */
const copiedWords = 8;

/** What the rules know about a wrong answer. `answer` and `target` are texts in the view that is analysed. */
type Facts = {
  readonly one: ComparedCase;
  readonly answer: string;
  readonly target: string;
  readonly input: string;
  readonly words: {
    readonly answer: readonly string[];
    readonly target: readonly string[];
    readonly input: readonly string[];
  };
};

type Cause = CauseRules["causes"][number] & {
  /** The places in the text that show the cause; none if it does not apply. */
  find(facts: Facts): readonly Evidence[];
};
/** A place in the answer or in the target; without a place, the whole of it. */
type Evidence = { readonly in: "answer" | "target"; readonly place: Part | null };

const whole = (applies: boolean, text: "answer" | "target" = "answer"): readonly Evidence[] =>
  applies ? [{ in: text, place: null }] : [];
const numbers = (text: string): ReadonlySet<number> => new Set(numbersIn(text).flatMap(({ values }) => values));

/** Numbers of a text that none of the other texts has. */
const newNumbers = (text: string, others: readonly string[]): readonly Part[] => {
  const known = new Set(others.flatMap((other) => [...numbers(other)]));
  return numbersIn(text)
    .filter(({ values }) => !values.some((value) => known.has(value)))
    .map(({ start, end }) => ({ start, end }));
};

/**
 * Names of a text that none of the other texts has: words with a digit and a letter, and capitalised words within a
 * sentence. A text that capitalises most words has no names of the second kind.
 */
function newNames(text: string, others: readonly string[]): readonly Part[] {
  const known = new Set(others.flatMap((other) => rougeTokens(other)));
  const all = sentencesAt(text).flatMap(({ sentence, start }) =>
    wordsAt(sentence).map((word, at) => ({
      ...word,
      start: start + word.start,
      end: start + word.end,
      isFirst: at === 0,
    })),
  );
  const inner = all.filter(({ isFirst, word }) => !isFirst && /\p{L}/u.test(word));
  const capitalised = inner.filter(({ word }) => /^\p{Lu}/u.test(word));
  const hasNames = 2 * capitalised.length <= inner.length;
  return all
    .filter(
      ({ word, isFirst }) =>
        (/\p{L}/u.test(word) && /\p{N}/u.test(word)) || (hasNames && !isFirst && /^\p{Lu}/u.test(word)),
    )
    .filter(({ word }) => !known.has(word.toLowerCase()))
    .map(({ start, end }) => ({ start, end }));
}

/** Sentences with their starts. A colon and a line break start a sentence too: a capital letter after them is no name. */
function sentencesAt(text: string): readonly { readonly sentence: string; readonly start: number }[] {
  return [...text.matchAll(/[^.!?:\n]*(?:[.!?:](?!\s)[^.!?:\n]*)*[.!?:\n]*/g)]
    .filter(({ 0: sentence }) => sentence.trim() !== "")
    .map(({ 0: sentence, index }) => ({ sentence, start: index }));
}

const inAnswer = (places: readonly Part[]): readonly Evidence[] => places.map((place) => ({ in: "answer", place }));
const inTarget = (places: readonly Part[]): readonly Evidence[] => places.map((place) => ({ in: "target", place }));
/** Places in the target whose text the input has: the answer could have taken them from it. */
const available = (places: readonly Part[], { target, input }: Facts): readonly Part[] => {
  const known = new Set(rougeTokens(input));
  return places.filter(({ start, end }) => rougeTokens(target.slice(start, end)).every((word) => known.has(word)));
};
const hasAnswer = ({ one }: Facts): boolean => one.given.length > 0;

/** The causes, in the order of reports. */
const causes: readonly Cause[] = [
  {
    name: "truncated",
    definition: "The response reaches the maximum number of new tokens or is incomplete",
    phrase: "are cut off",
    find: ({ one: { answer } }) => whole(answer.finish === "length" || answer.notes.includes("truncated")),
  },
  {
    name: "no_answer",
    definition: "The response is empty or cannot be read",
    phrase: "are empty or cannot be read",
    find: ({ one }) => whole(!one.answer.parsed || one.given.length === 0, "target"),
  },
  {
    name: "repeated",
    definition: "The answer ends in a part that it repeats",
    phrase: "repeat themselves",
    find: ({ one: { answer } }) => whole(answer.notes.includes("repeated")),
  },
  {
    name: "too_short",
    definition: "The answer has fewer than half as many words as the target",
    phrase: "have fewer than half as many words as the target",
    find: (facts) => whole(hasAnswer(facts) && 2 * facts.words.answer.length < facts.words.target.length),
  },
  {
    name: "too_long",
    definition: "The answer has more than twice as many words as the target",
    phrase: "have more than twice as many words as the target",
    find: ({ words }) => whole(words.answer.length > 2 * words.target.length),
  },
  {
    name: "copied_span",
    definition: `The answer copies at least ${copiedWords} words in a row from the input, or consists of such a copy, which the target does not have`,
    phrase: "copy a span of the input that the target does not have",
    find({ answer, words }) {
      const { start, length } = commonRun(words.answer, words.input);
      if (length === 0 || length < Math.min(copiedWords, words.answer.length)) return [];
      if (commonRun(words.answer.slice(start, start + length), words.target).length === length) return [];
      const found = wordsAt(answer);
      const [first, last] = [found[start], found[start + length - 1]];
      return [{ in: "answer", place: first && last ? { start: first.start, end: last.end } : null }];
    },
  },
  {
    name: "unsupported_number",
    definition: "The answer has a number that neither the input nor the target has",
    phrase: "have a number that neither the input nor the target has",
    find: ({ answer, input, target }) => inAnswer(newNumbers(answer, [input, target])),
  },
  {
    name: "unsupported_name",
    definition:
      "The answer has a capitalised word within a sentence, or a word with digits, that neither the input nor the target has",
    phrase: "have a name that neither the input nor the target has",
    find: ({ answer, input, target }) => inAnswer(newNames(answer, [input, target])),
  },
  {
    name: "unsupported_words",
    definition: "More than half of the answer's words are neither in the input nor in the target",
    phrase: "have mostly words that neither the input nor the target has",
    find: ({ words }) =>
      whole(words.answer.length > 0 && sharedWords(words.answer, [...words.input, ...words.target]) < 0.5),
  },
  {
    name: "missing_number",
    definition: "The answer lacks a number that the input and the target have",
    phrase: "lack a number that the input and the target have",
    find: (facts) => inTarget(hasAnswer(facts) ? available(newNumbers(facts.target, [facts.answer]), facts) : []),
  },
  {
    name: "missing_name",
    definition: "The answer lacks a name that the input and the target have",
    phrase: "lack a name that the input and the target have",
    find: (facts) => inTarget(hasAnswer(facts) ? available(newNames(facts.target, [facts.answer]), facts) : []),
  },
  {
    name: "target_not_in_input",
    definition: "Fewer than half of the target's words are in the input",
    phrase: "have a target of which the input has fewer than half of the words",
    find: ({ words }) => whole(sharedWords(words.target, words.input) < 0.5, "target"),
  },
  {
    name: "other_words",
    definition:
      "The answer shares at least half of its words with the target (token F1 of .5 or more), and has neither another length, nor other numbers and names",
    phrase: "differ from the target in words alone",
    find: (facts) =>
      whole(
        hasAnswer(facts) &&
          tokenF1(squadTokens(facts.target), squadTokens(facts.answer)) >= 0.5 &&
          factual.every((name) => (causes.find((cause) => cause.name === name) as Cause).find(facts).length === 0),
      ),
  },
];
const factual = [
  ...["truncated", "repeated", "too_short", "too_long"],
  ...["unsupported_number", "unsupported_name", "missing_number", "missing_name"],
];

const factsOf = (one: ComparedCase, input: string, form: (text: unknown) => string): Facts => {
  const [answer, target] = [form(one.answer.prediction), form(one.answer.gold)];
  const words = { answer: rougeTokens(answer), target: rougeTokens(target), input: rougeTokens(input) };
  return { one, answer, target, input, words };
};
/** Texts as they were written: the basic view has no capital letters, by which names are found. */
const written = (text: unknown): string => (typeof text === "string" ? text.trim() : "");

/** The rules for texts. An error is a whole answer. */
export const textCauses: CauseRules = {
  unit: "answer",
  causes: causes.map(({ name, definition, phrase }) => ({ name, definition, phrase })),
  errors(one, input) {
    const facts = factsOf(one, input, written);
    const found = causes.filter(({ find }) => find(facts).length > 0).map(({ name }) => name);
    return [{ id: one.id, kind: "changed", label: "", causes: found }];
  },
  quote(_, cause, one, input): Quote | undefined {
    const facts = factsOf(one, input, written);
    const [evidence] = causes.find(({ name }) => name === cause)?.find(facts) ?? [];
    const text = evidence === undefined ? facts.answer : facts[evidence.in];
    if (text === "") return undefined;
    const place = evidence?.place ?? null;
    return { ...excerpt(text, place), name: null };
  },
};

/** Characters of a quote. */
const longestQuote = 240;

/** The sentence of a text with a place, or its start; a long one is cut around the place. */
function excerpt(text: string, place: Part | null): { readonly sentence: string; readonly trigger: Part | null } {
  const flat = text.replace(/\s/g, " ");
  if (flat.length <= longestQuote) return { sentence: flat, trigger: place };
  const at = place?.start ?? 0;
  const from = Math.max(0, Math.min(at - longestQuote / 3, flat.length - longestQuote));
  const start = from === 0 ? 0 : flat.indexOf(" ", Math.floor(from)) + 1 || Math.floor(from);
  const end =
    start + longestQuote >= flat.length
      ? flat.length
      : Math.max(flat.lastIndexOf(" ", start + longestQuote), start + 1);
  const before = start === 0 ? "" : "… ";
  const sentence = `${before}${flat.slice(start, end)}${end === flat.length ? "" : " …"}`;
  const shift = before.length - start;
  const trigger =
    place === null || place.start < start
      ? null
      : { start: place.start + shift, end: Math.min(place.end, end) + shift };
  return { sentence, trigger };
}
