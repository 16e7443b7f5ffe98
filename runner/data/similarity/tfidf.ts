import { unspaced } from "../words.ts";

/**
 * Texts as sparse rows of one matrix, each of length 1: row r holds `terms[i]` with `weights[i]` for i from offsets[r]
 * to offsets[r + 1].
 */
export type Vectors = {
  /** Number of terms of the vectorizer: each of `terms` is below it. */
  readonly columns: number;
  readonly offsets: Int32Array;
  readonly terms: Int32Array;
  readonly weights: Float64Array;
};

const wordPattern = new RegExp(`[${unspaced}]|(?:(?![${unspaced}])[\\p{L}\\p{M}\\p{N}_]){2,}`, "gu");

/** Turns texts into vectors over the terms of the texts that it was fitted to; other terms are left out. */
export type Vectorizer = (texts: readonly string[]) => Vectors;

/**
 * TF-IDF over words and pairs of words, as scikit-learn's TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True) gives
 * it: a term that occurs n times in a text weighs (1 + ln n) * (1 + ln((1 + texts) / (1 + texts with it))), and each
 * vector is divided by its Euclidean length. Words are runs of two or more letters, marks of letters, digits or "_", in
 * lower case; each character of a script without spaces is a word. A text without a known term is a vector of zeros.
 */
export function fitTfidf(texts: readonly string[]): Vectorizer {
  const known = new Terms();
  const inTexts: number[] = [];
  for (const text of texts) {
    for (const term of new Set(known.of(text, true))) inTexts[term] = (inTexts[term] ?? 0) + 1;
  }
  const rarity = Float64Array.from(inTexts, (count) => 1 + Math.log((1 + texts.length) / (1 + count)));
  return (others) => {
    const offsets = new Int32Array(others.length + 1);
    const terms: number[] = [];
    const weights: number[] = [];
    for (const [row, text] of others.entries()) {
      const times = new Map<number, number>();
      for (const term of known.of(text, false)) times.set(term, (times.get(term) ?? 0) + 1);
      let squares = 0;
      for (const [term, count] of times) {
        const weight = (1 + Math.log(count)) * (rarity[term] as number);
        squares += weight * weight;
        terms.push(term);
        weights.push(weight);
      }
      const length = Math.sqrt(squares);
      for (let at = offsets[row] as number; at < weights.length; at++) weights[at] = (weights[at] as number) / length;
      offsets[row + 1] = terms.length;
    }
    return { columns: rarity.length, offsets, terms: Int32Array.from(terms), weights: Float64Array.from(weights) };
  };
}

/**
 * Numbers words and pairs of words alike. A pair is looked up by the numbers of its words, which is faster than by its
 * text.
 */
class Terms {
  private readonly words = new Map<string, number>();
  private readonly pairs = new Map<number, number>();
  private count = 0;

  /** The terms of a text, each as often as it occurs; new terms get a number only if `learn` is true. */
  of(text: string, learn: boolean): number[] {
    const terms: number[] = [];
    let before: number | undefined;
    for (const word of text.toLowerCase().match(wordPattern) ?? []) {
      const term = this.number(this.words, word, learn);
      if (term !== undefined) terms.push(term);
      if (term !== undefined && before !== undefined) {
        const pair = this.number(this.pairs, before * 2 ** 26 + term, learn);
        if (pair !== undefined) terms.push(pair);
      }
      before = term;
    }
    return terms;
  }

  private number<K>(numbers: Map<K, number>, key: K, learn: boolean): number | undefined {
    const known = numbers.get(key);
    if (known !== undefined || !learn) return known;
    numbers.set(key, this.count);
    return this.count++;
  }
}
