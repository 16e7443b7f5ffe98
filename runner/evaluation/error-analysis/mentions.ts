import type { Lexicon, Status } from "../../data/labels/lexicon.ts";
import { statuses } from "../../data/labels/lexicon.ts";
import { stem, stems } from "../../data/similar-labels.ts";
import { words, wordsAt } from "../../data/words.ts";
import { type LabelledText, sentencesOf } from "./sentence.ts";

/** Characters of a sentence, from `start` to before `end`. */
export type Part = { readonly start: number; readonly end: number };

/** A place that names a label. `trigger` is the phrase that makes it negated, past or hedged. */
export type Mention = {
  readonly status: Status | "affirmed";
  readonly sentence: string;
  readonly name: Part;
  readonly trigger: Part | null;
};

/** Finds labels in texts. */
export type MentionFinder = {
  /** The places of a text that name a label. */
  find(input: string, label: string): readonly Mention[];
  /** Whether a text has words that training rows with the label often have, and others do not. */
  hasUsualWording(input: string, label: string): boolean;
};

/** The words of a name may have this many other words between them: "cyst of the left kidney". */
const mostBetween = 4;

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
  const phrases = phrasesOf(lexicon);
  const headings = new Set(lexicon.history_headings.map(folded));
  const equal = eachOnce(interchangeable([...names.values()].map((own) => own.map(stems))));
  const formOf = eachOnce((word: string) => equal(stem(word)));
  const rows = training.slice(0, mostRows).map(({ input, labels }) => ({
    labels,
    clauses: clausesOf(input, phrases, headings, formOf),
  }));
  const learned = learnNames(rows);
  const usual = learnPairs(rows);
  const forms = new Map<string, readonly (readonly string[])[]>();
  const formsOf = (label: string): readonly (readonly string[])[] => {
    const known =
      forms.get(label) ??
      uniqueForms([
        ...(names.get(label) ?? [label]).map((name) => stems(name).map(equal)),
        ...(learned.get(label) ?? []),
      ]);
    forms.set(label, known);
    return known;
  };
  let last: { readonly input: string; readonly clauses: readonly Clause[] } | undefined;
  const clauses = (input: string): readonly Clause[] => {
    if (last?.input !== input) last = { input, clauses: clausesOf(input, phrases, headings, formOf) };
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
  };
}

type Token = Part & { readonly word: string; readonly form: string; readonly isNumber: boolean };
type Trigger = Part & { readonly status: Status; readonly side: "before" | "after" };
type Clause = {
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

function eachOnce(of: (word: string) => string): (word: string) => string {
  const known = new Map<string, string>();
  return (word) => {
    const form = known.get(word) ?? of(word);
    known.set(word, form);
    return form;
  };
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

/** A past trigger decides, else the nearest one. */
function mentionAt({ sentence, triggers, heading }: Clause, window: readonly Token[]): Mention {
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

/**
 * A learned name is affirmed in this many rows with its label, in this share of all rows that affirm it, and it is all
 * that this many rows negate, date or hedge.
 */
const fewestAffirmed = 3;
const affirmedShare = 0.95;
const fewestDenied = 3;
const longestName = 3;
/** Rows from which names and pairs are learned. */
const mostRows = 5000;
/** The share of the rows with a label that have a usual pair of words. */
const usualShare = 0.2;

type ClauseRow = { readonly labels: readonly string[]; readonly clauses: readonly Clause[] };

/**
 * Learns names that the list of labels lacks ("free fluid" for ascites): the only words of clauses that negate, date or
 * hedge, if texts that affirm them have the label. Texts negate names, and rarely signs.
 */
function learnNames(rows: readonly ClauseRow[]): ReadonlyMap<string, readonly (readonly string[])[]> {
  const denied = new Map<string, number>();
  for (const { clauses } of rows)
    count(
      clauses.flatMap(({ tokens, triggers }) => (triggers.length === 0 ? [] : nameOf(tokens))),
      denied,
    );
  const isDenied = (key: string): boolean => (denied.get(key) ?? 0) >= fewestDenied;
  const found = new Map<string, string[][]>();
  for (const { key, label } of specific(rows, (clause) => runsOf(clause).filter(isDenied), 0))
    found.set(label, [...(found.get(label) ?? []), key.split(" ")]);
  return found;
}

/** Learns which pairs of words many rows with a label have in a clause, and nearly no others. */
function learnPairs(rows: readonly ClauseRow[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { key, label } of specific(rows, pairsOf, usualShare))
    found.set(label, (found.get(label) ?? new Set()).add(key));
  return found;
}

/** Keys of clauses whose rows nearly all have one label, with that label; `least` is the share of its rows with the key. */
function specific(rows: readonly ClauseRow[], keysOf: (clause: Clause) => readonly string[], least: number) {
  const counts = new Map<string, { rows: number; labels: Map<string, number> }>();
  const labelRows = new Map<string, number>();
  for (const { labels, clauses } of rows) {
    count(labels, labelRows);
    for (const key of new Set(clauses.flatMap(keysOf))) {
      const entry = counts.get(key) ?? { rows: 0, labels: new Map<string, number>() };
      counts.set(key, entry);
      entry.rows++;
      for (const label of labels) entry.labels.set(label, (entry.labels.get(label) ?? 0) + 1);
    }
  }
  const rowsWith = (label: string): number => labelRows.get(label) as number;
  return [...counts].flatMap(([key, { rows: all, labels }]) => {
    // Labels that come together share the texts: the key belongs to the label of which it has the largest part.
    const [best] = [...labels]
      .filter(
        ([label, hits]) => hits >= fewestAffirmed && hits >= affirmedShare * all && hits >= least * rowsWith(label),
      )
      .sort(([a, x], [b, y]) => (y * y) / rowsWith(b) - (x * x) / rowsWith(a));
    return best === undefined ? [] : [{ key, label: best[0] }];
  });
}

function count(keys: readonly string[], counts: Map<string, number>): void {
  for (const key of new Set(keys)) counts.set(key, (counts.get(key) ?? 0) + 1);
}

function isAffirmed(clause: Clause, first: Token, last: Token): boolean {
  const hasTrigger = clause.triggers.length > 0 || clause.heading !== null;
  return !hasTrigger || mentionAt(clause, [first, last]).status === "affirmed";
}

/** The words of a clause, if they may be a name. */
function nameOf(tokens: readonly Token[]): readonly string[] {
  const isName = tokens.length <= longestName && tokens.every(({ isNumber }) => !isNumber);
  return isName ? [tokens.map(({ form }) => form).join(" ")] : [];
}

/** The runs of words of a clause that the text affirms. */
function runsOf(clause: Clause): readonly string[] {
  const { tokens } = clause;
  const found: string[] = [];
  for (let from = 0; from < tokens.length; from++) {
    let key = "";
    for (let at = from; at < Math.min(tokens.length, from + longestName); at++) {
      const token = tokens[at] as Token;
      if (token.isNumber) break;
      key = at === from ? token.form : `${key} ${token.form}`;
      if (isAffirmed(clause, tokens[from] as Token, token)) found.push(key);
    }
  }
  return found;
}

/** Pairs of words that a clause affirms. */
function pairsOf(clause: Clause): readonly string[] {
  const { tokens } = clause;
  const found: string[] = [];
  for (const [from, first] of tokens.entries()) {
    for (let at = from + 1; at < Math.min(tokens.length, from + 2 + mostBetween); at++) {
      const second = tokens[at] as Token;
      if (first.isNumber || second.isNumber || !isAffirmed(clause, first, second)) continue;
      found.push(first.form < second.form ? `${first.form} ${second.form}` : `${second.form} ${first.form}`);
    }
  }
  return found;
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
