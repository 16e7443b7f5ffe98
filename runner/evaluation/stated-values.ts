import { stems } from "../data/similar-labels.ts";
import { wordsAt } from "../data/words.ts";
import type { Part, Quote } from "../plugins/tasks/category.ts";
import { editDistance } from "../util/edit-distance.ts";
import { sentencesOf } from "./error-analysis/sentence.ts";

/** A number of a text. A separator may divide thousands or decimals, so that a number can have two values. */
export type FoundNumber = Part & { readonly values: readonly number[] };

const numeral = /(?<![\p{L}\p{N}])\d+(?:[.,'’\u00a0\u202f]\d+)*(?![\p{L}\p{N}])/gu;
const numberWords = [
  ...["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
];

/** The numbers of a text: numerals that no letter touches, and English words up to twelve. */
export function numbersIn(text: string): readonly FoundNumber[] {
  const numerals = [...text.matchAll(numeral)].map(({ 0: found, index }) => ({
    ...{ start: index, end: index + found.length, values: valuesOf(found) },
  }));
  const named = wordsAt(text).flatMap(({ word, start, end }) => {
    const value = numberWords.indexOf(word.toLowerCase());
    return value < 0 ? [] : [{ start, end, values: [value] }];
  });
  return [...numerals, ...named];
}

function valuesOf(found: string): readonly number[] {
  const groups = found.split(/[.,'’\u00a0\u202f]/);
  const [first = "", ...rest] = groups;
  const last = rest.at(-1);
  if (last === undefined) return [Number(first)];
  const separators = [...found.replace(/\d/g, "")];
  const isGrouped = (parts: readonly string[]): boolean => parts.every((part) => part.length === 3);
  const whole = isGrouped(rest) && new Set(separators).size === 1 ? [Number(groups.join(""))] : [];
  const hasOneDecimal = separators.filter((one) => one === separators.at(-1)).length === 1;
  const decimal =
    hasOneDecimal && /[.,]/.test(separators.at(-1) as string) && isGrouped(rest.slice(0, -1))
      ? [Number(`${groups.slice(0, -1).join("")}.${last}`)]
      : [];
  // Digits in several groups of other lengths are a date or a version: each group is a number.
  return whole.length + decimal.length === 0 ? groups.map(Number) : [...whole, ...decimal];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const month = `(${months.join("|")})[a-z]*\\.?`;
const dateForms: readonly {
  readonly pattern: RegExp;
  read(match: RegExpMatchArray): readonly (readonly [year: string, month: string, day: string])[];
}[] = [
  {
    pattern: /(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)/g,
    read: ([, year = "", first = "", second = ""]) => [[year, first, second]],
  },
  {
    pattern: /(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)/g,
    read: ([, first = "", second = "", year = ""]) => [
      [year, second, first],
      [year, first, second],
    ],
  },
  {
    pattern: new RegExp(`(?<!\\d)(\\d{1,2})(?:st|nd|rd|th|\\.)?\\s+(?:of\\s+)?${month},?\\s+(\\d{4})(?!\\d)`, "gi"),
    read: ([, day = "", name = "", year = ""]) => [[year, monthOf(name), day]],
  },
  {
    pattern: new RegExp(`(?<!\\p{L})${month}\\s+(\\d{1,2})(?:st|nd|rd|th)?,?\\s+(\\d{4})(?!\\d)`, "giu"),
    read: ([, name = "", day = "", year = ""]) => [[year, monthOf(name), day]],
  },
];
const monthOf = (name: string): string => String(months.indexOf(name.toLowerCase()) + 1);

/** The days of a text as "2025-03-09": numeric dates with both orders of day and month, and English names of months. */
export function datesIn(text: string): readonly (Part & { readonly days: readonly string[] })[] {
  return dateForms.flatMap(({ pattern, read }) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const days = read(match).flatMap(([year, of, day]) =>
        Number(of) < 1 || Number(of) > 12 || Number(day) < 1 || Number(day) > 31
          ? []
          : [`${year}-${of.padStart(2, "0")}-${day.padStart(2, "0")}`],
      );
      return days.length === 0
        ? []
        : [{ start: match.index as number, end: (match.index as number) + match[0].length, days }];
    }),
  );
}

/** The days of a text that is one date; empty for other texts. */
const daysOf = (text: string): readonly string[] =>
  datesIn(text).flatMap(({ start, end, days }) =>
    /^[\sT\d:.Z+-]*$/.test(text.slice(0, start) + text.slice(end)) ? days : [],
  );

const share = <T>(a: readonly T[], b: readonly T[]): boolean => a.some((one) => b.includes(one));
const wordsOf = (text: string): readonly string[] => wordsAt(text).map(({ word }) => word.toLowerCase());
/** A word without the ending of a plural. */
const formOf = (word: string): string => stems(word)[0] ?? word;

/**
 * Finds where a text states a value: a number in any notation, a date in any form that {@link datesIn} reads, or the
 * words of a text in a row, in the singular or plural.
 */
export function valueFinder(text: string): (value: string | number) => Part | undefined {
  const numbers = once(() => numbersIn(text));
  const dates = once(() => datesIn(text));
  const found = once(() => wordsAt(text).map((one) => ({ ...one, word: formOf(one.word) })));
  const places = once(() => {
    const byWord = new Map<string, number[]>();
    for (const [at, { word }] of found().entries()) {
      const own = byWord.get(word);
      if (own === undefined) byWord.set(word, [at]);
      else own.push(at);
    }
    return byWord;
  });
  return (value) => {
    if (typeof value === "number") return numbers().find(({ values }) => values.includes(Math.abs(value)));
    const days = daysOf(value);
    if (days.length > 0) return dates().find((date) => share(date.days, days));
    const wanted = wordsOf(value).map(formOf);
    const all = found();
    const start = places()
      .get(wanted[0] ?? "")
      ?.find((at) => wanted.every((word, i) => all[at + i]?.word === word));
    if (start !== undefined && wanted.length > 0)
      return { start: (all[start] as Part).start, end: (all[start + wanted.length - 1] as Part).end };
    const number = /^[-+]?[\d.,]+$/.test(value.trim()) ? numbersIn(value)[0] : undefined;
    return number === undefined ? undefined : numbers().find(({ values }) => share(values, number.values));
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Whether two different texts have the same letters and digits, the same words, or the same date. */
export function isOtherForm(a: string, b: string): boolean {
  const [one, other] = [wordsOf(a), wordsOf(b)];
  if (one.length === 0 || other.length === 0) return false;
  return (
    one.join("") === other.join("") ||
    [...one].sort().join(" ") === [...other].sort().join(" ") ||
    share(daysOf(a), daysOf(b))
  );
}

/**
 * Whether two texts that are no dates differ in few characters, one has all words of the other in a row, or one is at
 * least half of the other.
 */
export function isNear(a: string, b: string): boolean {
  if (daysOf(a).length > 0 && daysOf(b).length > 0) return false;
  const [one, other] = [wordsOf(a), wordsOf(b)].map((list) => list.join(" ")) as [string, string];
  if (one === "" || other === "") return false;
  if (` ${one} `.includes(` ${other} `) || ` ${other} `.includes(` ${one} `)) return true;
  const length = Math.max(one.length, other.length);
  if (2 * Math.min(one.length, other.length) >= length && (one.includes(other) || other.includes(one))) return true;
  const limit = Math.floor(length / 8);
  return limit > 0 && length <= longestCompared && editDistance(one, other, limit + 1) <= limit;
}

/** Edit distance takes time in the product of the lengths. */
const longestCompared = 500;

/** The first sentence that states a value, with its place; undefined if no sentence does. */
export function sentenceWith(value: string | number, text: string): Quote | undefined {
  for (const sentence of sentencesOf(text)) {
    const name = valueFinder(sentence)(value);
    if (name !== undefined) return { sentence, name: { start: name.start, end: name.end }, trigger: null };
  }
  return undefined;
}
