import { type Lexicon, type Status, statuses } from "../../data/labels/lexicon.ts";
import { words, wordsAt } from "../../data/words.ts";
import type { Part } from "../../plugins/tasks/category.ts";
import { sentencesOf } from "./sentence.ts";

/** A place that names a label. `trigger` is the phrase that makes it negated, past or hedged. */
export type Mention = {
  readonly status: Status | "affirmed";
  readonly sentence: string;
  readonly name: Part;
  readonly trigger: Part | null;
};

export type Token = Part & { readonly word: string; readonly form: string; readonly isNumber: boolean };
type Trigger = Part & { readonly status: Status; readonly side: "before" | "after" };
export type Clause = {
  readonly sentence: string;
  readonly tokens: readonly Token[];
  readonly triggers: readonly Trigger[];
  /** The heading of the history that the sentence has. */
  readonly heading: Part | null;
};
/** A phrase of the lexicon: one with several roles ("absent") has one entry with all. */
type Phrase = {
  readonly words: readonly string[];
  readonly roles: readonly Omit<Trigger, keyof Part>[];
  ends: boolean;
};

/** Makes the function that cuts a text into clauses. `formOf` gives the form by which words are compared. */
export function clauseReader(lexicon: Lexicon, formOf: (word: string) => string): (input: string) => readonly Clause[] {
  const phrases = phrasesOf(lexicon);
  const headings = new Set(lexicon.history_headings.map(folded));
  return (input) => clausesOf(input, phrases, headings, formOf);
}

const folded = (text: string): string => words(text.toLowerCase()).join(" ");

/** The phrases by their first word, longest first. */
function phrasesOf(lexicon: Lexicon): ReadonlyMap<string, readonly Phrase[]> {
  const roles = new Map<string, { roles: Omit<Trigger, keyof Part>[]; ends: boolean }>();
  const entry = (phrase: string) => {
    const key = folded(phrase);
    const found = roles.get(key) ?? { roles: [], ends: false };
    roles.set(key, found);
    return found;
  };
  for (const status of statuses)
    for (const side of ["before", "after"] as const)
      for (const phrase of lexicon[status][side]) entry(phrase).roles.push({ status, side });
  for (const phrase of lexicon.pseudo) entry(phrase).roles.length = 0;
  for (const phrase of lexicon.clause_ends) entry(phrase).ends = true;
  const byFirst = new Map<string, Phrase[]>();
  for (const [key, value] of roles) {
    const list = key.split(" ");
    const first = list[0] as string;
    byFirst.set(first, [...(byFirst.get(first) ?? []), { words: list, ...value }]);
  }
  for (const list of byFirst.values()) list.sort((a, b) => b.words.length - a.words.length);
  return byFirst;
}

function clausesOf(
  input: string,
  phrases: ReadonlyMap<string, readonly Phrase[]>,
  headings: ReadonlySet<string>,
  formOf: (word: string) => string,
): readonly Clause[] {
  return sentencesOf(input).flatMap((sentence) => {
    const tokens = wordsAt(sentence).map(({ word, start, end }): Token => {
      const lower = word.toLowerCase();
      return { word: lower, form: formOf(lower), isNumber: /\p{N}/u.test(lower), start, end };
    });
    const colon = sentence.indexOf(":");
    const heading = colon > 0 && headings.has(folded(sentence.slice(0, colon))) ? { start: 0, end: colon } : null;
    const clauses: { tokens: Token[]; triggers: Trigger[] }[] = [{ tokens: [], triggers: [] }];
    for (let at = 0; at < tokens.length; ) {
      const token = tokens[at] as Token;
      const gap = at === 0 ? "" : sentence.slice((tokens[at - 1] as Token).end, token.start);
      if (/[;:；：]/.test(gap)) clauses.push({ tokens: [], triggers: [] });
      const phrase = phrases
        .get(token.word)
        ?.find((one) => one.words.every((word, i) => tokens[at + i]?.word === word));
      const length = phrase?.words.length ?? 1;
      if (phrase?.ends === true) clauses.push({ tokens: [], triggers: [] });
      const clause = clauses.at(-1) as (typeof clauses)[number];
      const end = (tokens[at + length - 1] as Token).end;
      for (const role of phrase?.roles ?? []) clause.triggers.push({ ...role, start: token.start, end });
      if (phrase === undefined) clause.tokens.push(token);
      at += length;
    }
    return clauses.filter((clause) => clause.tokens.length > 0).map((clause) => ({ sentence, heading, ...clause }));
  });
}

/** The mention of a name whose words are in these tokens of a clause. A past trigger decides, else the nearest one. */
export function mentionAt({ sentence, triggers, heading }: Clause, window: readonly Token[]): Mention {
  const [first, last] = [window[0] as Token, window.at(-1) as Token];
  const name = { start: first.start, end: last.end };
  const inScope = triggers
    .filter(({ side, start, end }) => (side === "before" ? end <= last.start : start >= first.end))
    .map((trigger) => ({ trigger, distance: distanceOf(trigger, name) }))
    .sort(
      (a, b) => Number(b.trigger.status === "past") - Number(a.trigger.status === "past") || a.distance - b.distance,
    );
  const found = inScope[0]?.trigger;
  if (found !== undefined) {
    const { status, start, end } = found;
    return { status, sentence, name, trigger: { start, end } };
  }
  return heading === null || heading.end >= first.start
    ? { status: "affirmed", sentence, name, trigger: null }
    : { status: "past", sentence, name, trigger: heading };
}

const distanceOf = (trigger: Part, name: Part): number =>
  trigger.end <= name.start ? name.start - trigger.end : Math.max(0, trigger.start - name.end);
