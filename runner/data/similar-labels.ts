import { basicForm } from "./labels/basic.ts";
import { words } from "./words.ts";

/** How two labels differ that may mean the same. */
export type SimilarityReason = "plural" | "word order" | "spelling" | "abbreviation";

/** Two labels (basic form) that may mean the same. */
export type SimilarPair = { readonly a: string; readonly b: string; readonly reason: SimilarityReason };

/** Pairs among labels in basic form, in the order of the list; each pair once. */
export function similarPairs(labels: readonly string[]): SimilarPair[] {
  const forms = labels.map(shapeOf);
  const found = new Map<string, SimilarPair>();
  const add = (a: number, b: number, reason: SimilarityReason): void => {
    const [first, second] = a < b ? [a, b] : [b, a];
    const key = `${first} ${second}`;
    if (a !== b && !found.has(key)) found.set(key, { a: labels[first] as string, b: labels[second] as string, reason });
  };
  pairUp(
    forms,
    ({ stems }) => stems.join(" "),
    (a, b) => add(a, b, "plural"),
  );
  pairUp(
    forms,
    ({ stems }) => stems.toSorted().join(" "),
    (a, b) => add(a, b, "word order"),
  );
  abbreviations(forms, (a, b) => add(a, b, "abbreviation"));
  spellings(forms, (a, b) => add(a, b, "spelling"));
  const rank = new Map(labels.map((label, index) => [label, index]));
  const place = (label: string): number => rank.get(label) as number;
  return [...found.values()].sort((one, other) => place(one.a) - place(other.a) || place(one.b) - place(other.b));
}

/**
 * A word without the ending of a plural, English or Latin ("metastases", "calculi"). Approximate: only equality of both
 * results matters.
 */
export function stem(word: string): string {
  if (word.length < 4) return word;
  if (word.endsWith("is")) return `${word.slice(0, -2)}e`;
  if (/[^aeiou]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/(?:ss|x|z|ch|sh)es$/.test(word)) return word.slice(0, -2);
  if (/[^su]s$/.test(word)) return word.slice(0, -1);
  return word.length >= 6 ? word.replace(/(?<=[^aeiou])i$/, "us") : word;
}

/** The words of a text in lower case, without the endings of plurals. */
export const stems = (text: string): string[] => words(text.toLowerCase()).map(stem);

type Shape = { readonly label: string; readonly words: readonly string[]; readonly stems: readonly string[] };

function shapeOf(label: string): Shape {
  const words = basicForm(label)
    .split(/[\s\-/]+/)
    .filter((word) => word !== "");
  return { label: basicForm(label), words, stems: words.map(stem) };
}

function pairUp(forms: readonly Shape[], key: (shape: Shape) => string, add: (a: number, b: number) => void): void {
  const first = new Map<string, number>();
  forms.forEach((shape, index) => {
    const before = first.get(key(shape));
    if (before === undefined) first.set(key(shape), index);
    else add(before, index);
  });
}

/** A label with more words is a sentence, and no abbreviation is searched in it: the time grows with their square. */
const mostWords = 40;

/** "cbd stone" and "common bile duct stone": one word of two to five letters abbreviates as many words. */
function abbreviations(forms: readonly Shape[], add: (a: number, b: number) => void): void {
  const short = new Map<string, number>();
  forms.forEach(({ words }, index) => void short.set(words.join(" "), index));
  forms.forEach(({ words }, index) => {
    if (words.length > mostWords) return;
    for (let from = 0; from < words.length; from++) {
      for (let size = 2; size <= 5 && from + size <= words.length; size++) {
        const initials = words
          .slice(from, from + size)
          .map((word) => word[0])
          .join("");
        const other = short.get([...words.slice(0, from), initials, ...words.slice(from + size)].join(" "));
        if (other !== undefined) add(index, other);
      }
    }
  });
}

/** Pairs that are compared for their spelling: some seconds. Tens of thousands of labels with one beginning have more. */
const mostComparisons = 10_000_000;

/**
 * One edit in one word of five letters or more, or a space more; numbers must agree ("T11", "T12"). Stops after
 * `mostComparisons`.
 */
function spellings(forms: readonly Shape[], add: (a: number, b: number) => void): void {
  const buckets = new Map<string, number[]>();
  forms.forEach(({ label }, index) => {
    if (label.length < 5) return;
    // One edit cannot touch both ends of a label.
    for (const key of [`start ${label.slice(0, 4)}`, `end ${label.slice(-4)}`]) {
      const bucket = buckets.get(key);
      if (bucket === undefined) buckets.set(key, [index]);
      else bucket.push(index);
    }
  });
  let left = mostComparisons;
  for (const bucket of buckets.values()) {
    left -= (bucket.length * (bucket.length - 1)) / 2;
    if (left < 0) return;
    for (let later = 1; later < bucket.length; later++) {
      for (let earlier = 0; earlier < later; earlier++) {
        const a = bucket[earlier] as number;
        const b = bucket[later] as number;
        if (misspelt(forms[a] as Shape, forms[b] as Shape)) add(a, b);
      }
    }
  }
}

function misspelt(a: Shape, b: Shape): boolean {
  if (a.words.length !== b.words.length) return a.words.join("") === b.words.join("");
  const odd = a.words.findIndex((word, at) => word !== b.words[at]);
  if (odd < 0 || a.words.findLastIndex((word, at) => word !== b.words[at]) !== odd) return false;
  const word = a.words[odd] as string;
  const other = b.words[odd] as string;
  if (/\d/.test(word + other) || word[0] !== other[0] || Math.min(word.length, other.length) < 5) return false;
  return oneEdit(word, other);
}

/** Whether one insertion, deletion, substitution or swap of neighbours makes a word of the other. */
function oneEdit(a: string, b: string): boolean {
  const shortest = Math.min(a.length, b.length);
  let start = 0;
  while (start < shortest && a[start] === b[start]) start++;
  let end = 0;
  while (end < shortest - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const left = a.slice(start, a.length - end);
  const right = b.slice(start, b.length - end);
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}
