import { decodings, wordsOf } from "./normalise-text.ts";

/** Number of consecutive words that a text does not share with a row by chance. */
const sharedWords = 12;
/** A shorter row must match as a whole. A row with fewer words than this is not searched: it may be a label. */
const fewestWords = 5;
/** A changed copy: in a window of this many groups of three words (20 words), this share of them is the same. */
const windowGroups = 18;
const sharedGroups = 0.65;
/** Letters and digits that a text without spaces must share with a row, and the length of the pieces that are indexed. */
const sharedLetters = 60;
const fewestLetters = 24;
const piece = 16;
const pieceWindow = fewestLetters - piece + 1;

/** The name of a text, and where it begins among the words and the letters of all texts. */
type TextStart = { readonly name: string; readonly word: number; readonly letter: number };

type Positions = Map<number, number | number[]>;

function put(positions: Positions, key: number, position: number): void {
  const before = positions.get(key);
  if (before === undefined) positions.set(key, position);
  else if (typeof before === "number") positions.set(key, [before, position]);
  else before.push(position);
}

const listOf = (positions: number | number[] | undefined): readonly number[] =>
  positions === undefined ? [] : typeof positions === "number" ? [positions] : positions;

/**
 * Searches texts for rows of the data. The index is made of the texts, so that any number of rows can be searched for. Three
 * methods find a row: consecutive words, almost the same words (a copy with changed words), and the same letters without regard
 * to spaces.
 */
export class RowSearch {
  readonly #ids = new Map<string, number>();
  /** The words of all texts, by id; -1 separates texts. */
  readonly #words: number[] = [];
  /** Groups of three words -> where they begin in #words. */
  readonly #groups: Positions = new Map();
  /** The letters of all texts; "\0" separates texts. */
  #letters = "";
  /** Hashes of pieces -> where they begin in #letters. */
  readonly #pieces: Positions = new Map();
  readonly #texts: TextStart[] = [];

  /** `texts`: name -> text. */
  constructor(texts: Readonly<Record<string, string>>) {
    const letters: string[] = [];
    let length = 0;
    for (const [name, text] of Object.entries(texts)) {
      for (const decoded of decodings(text)) {
        const words = wordsOf(decoded);
        const joined = words.join("");
        this.#texts.push({ name, word: this.#words.length, letter: length });
        for (const one of words) this.#words.push(this.#idOf(one));
        this.#words.push(-1);
        letters.push(joined, "\0");
        for (const [hash, at] of pieces(joined)) put(this.#pieces, hash, length + at);
        length += joined.length + 1;
      }
    }
    this.#letters = letters.join("");
    for (let at = 0; at + 2 < this.#words.length; at++) {
      const key = groupAt(this.#words, at);
      if (key !== undefined) put(this.#groups, key, at);
    }
  }

  #idOf(one: string): number {
    const id = this.#ids.get(one) ?? this.#ids.size;
    this.#ids.set(one, id);
    return id;
  }

  /** Names of the texts that contain the row, twelve consecutive words of it, or a slightly changed copy of twenty words. */
  textsWith(row: string): ReadonlySet<string> {
    const words = wordsOf(row);
    if (words.length < fewestWords) return new Set();
    const ids = words.map((one) => this.#ids.get(one) ?? -2);
    const found = words.length < sharedWords ? this.#whole(ids) : this.#similar(ids);
    this.#sameLetters(words.join(""), found);
    return found;
  }

  /** Names of the texts that contain these words, which may be few. */
  textsWithWords(value: string): ReadonlySet<string> {
    const words = wordsOf(value);
    return words.length === 0 ? new Set() : this.#whole(words.map((one) => this.#ids.get(one) ?? -2));
  }

  #whole(ids: readonly number[]): Set<string> {
    const found = new Set<string>();
    if (ids.includes(-2)) return found;
    const isAt = (at: number): boolean => ids.every((id, offset) => this.#words[at + offset] === id);
    if (ids.length >= 3) {
      for (const at of listOf(this.#groups.get(groupAt(ids, 0) as number)))
        if (isAt(at)) found.add(this.#nameOf(at, "word"));
      return found;
    }
    for (let at = this.#words.indexOf(ids[0] as number); at >= 0; at = this.#words.indexOf(ids[0] as number, at + 1))
      if (isAt(at)) found.add(this.#nameOf(at, "word"));
    return found;
  }

  #similar(ids: readonly number[]): Set<string> {
    const found = new Set<string>();
    const keys = ids.slice(2).map((_, at) => groupAt(ids, at));
    const window = Math.min(windowGroups, keys.length);
    const least = Math.min(Math.ceil(sharedGroups * window), sharedWords - 2);
    const known = keys.flatMap((key, at) => (key !== undefined && this.#groups.has(key) ? [at] : []));
    if (!hasDense(known, window, least)) return found;
    // Groups of a copy have the same distance between row and text, except for some words that were added or removed.
    const byDistance = new Map<number, number[]>();
    for (const at of known) {
      for (const position of listOf(this.#groups.get(keys[at] as number))) {
        for (const bucket of [Math.floor((position - at) / 4), Math.floor((position - at) / 4) + 1]) {
          const same = byDistance.get(bucket);
          if (same === undefined) byDistance.set(bucket, [at]);
          else if (same.at(-1) !== at) same.push(at);
        }
      }
    }
    for (const [bucket, groups] of byDistance) {
      if (groups.length < least || !this.#isCopy(groups, window)) continue;
      const first = groups[0] as number;
      for (const at of listOf(this.#groups.get(keys[first] as number)))
        if (Math.abs(Math.floor((at - first) / 4) - bucket) <= 1) found.add(this.#nameOf(at, "word"));
    }
    return found;
  }

  /** Whether the groups cover enough of a window, or twelve consecutive words. */
  #isCopy(groups: readonly number[], window: number): boolean {
    return (
      hasDense(groups, window, Math.ceil(sharedGroups * window)) || hasDense(groups, sharedWords - 2, sharedWords - 2)
    );
  }

  #sameLetters(letters: string, found: Set<string>): void {
    const least = Math.min(sharedLetters, letters.length);
    if (letters.length < fewestLetters) return;
    for (const [hash, at] of pieces(letters)) {
      for (const position of listOf(this.#pieces.get(hash))) {
        let from = 0;
        while (from < at && this.#letters[position - from - 1] === letters[at - from - 1]) from++;
        let to = 0;
        while (at + to < letters.length && this.#letters[position + to] === letters[at + to]) to++;
        if (from + to >= least && to > 0) found.add(this.#nameOf(position, "letter"));
      }
    }
  }

  /** The text that a position belongs to. */
  #nameOf(position: number, unit: "word" | "letter"): string {
    let low = 0;
    let high = this.#texts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#texts[middle] as TextStart)[unit] <= position) low = middle;
      else high = middle - 1;
    }
    return (this.#texts[low] as TextStart).name;
  }
}

/** A hash of three words; undefined if one of them is unknown or a separator. */
function groupAt(ids: readonly number[], at: number): number | undefined {
  const [a, b, c] = [ids[at] as number, ids[at + 1] as number, ids[at + 2] as number];
  if (a < 0 || b < 0 || c < 0) return undefined;
  let hash = Math.imul(a ^ 0x9e3779b1, 0x85ebca6b);
  hash = Math.imul((hash ^ (hash >>> 15)) + b, 0xc2b2ae35);
  return Math.imul((hash ^ (hash >>> 13)) + c, 0x27d4eb2f) | 0;
}

/** Whether at least `least` of the sorted numbers are within some window of consecutive numbers. */
function hasDense(sorted: readonly number[], window: number, least: number): boolean {
  for (let at = 0; at + least <= sorted.length; at++)
    if ((sorted[at + least - 1] as number) - (sorted[at] as number) < window) return true;
  return false;
}

/**
 * Hashes of some pieces of a text, the same for the same letters: of each window the piece with the smallest hash (winnowing,
 * Schleimer, Wilkerson and Aiken 2003). Two texts that share 24 letters share a piece.
 */
function pieces(letters: string): readonly (readonly [hash: number, at: number])[] {
  const chosen: (readonly [number, number])[] = [];
  const hashes: number[] = [];
  let hash = 0;
  let last = -1;
  const out = powerOf(31, piece);
  for (let end = 0; end < letters.length; end++) {
    hash = (Math.imul(hash, 31) + letters.charCodeAt(end)) | 0;
    if (end >= piece) hash = (hash - Math.imul(out, letters.charCodeAt(end - piece))) | 0;
    if (end < piece - 1) continue;
    const at = end - piece + 1;
    hashes.push(Math.imul(hash ^ (hash >>> 15), 0x85ebca6b));
    if (at < pieceWindow - 1) continue;
    let best = at - pieceWindow + 1;
    for (let one = best + 1; one <= at; one++) if ((hashes[one] as number) <= (hashes[best] as number)) best = one;
    if (best !== last) chosen.push([hashes[best] as number, best]);
    last = best;
  }
  return chosen;
}

function powerOf(base: number, exponent: number): number {
  let power = 1;
  for (let count = 0; count < exponent; count++) power = Math.imul(power, base);
  return power;
}
