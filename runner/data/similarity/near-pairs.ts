import { eachOnce } from "../../util/each-once.ts";
import { createRandom } from "../../util/random.ts";
import { hasUnspaced, words } from "../words.ts";
import { isNearDuplicate } from "./near-duplicate.ts";
import { fitTfidf, type Vectorizer } from "./tfidf.ts";

/**
 * Two texts that are nearly the same: their positions, and the share of word triples that they have in common; if that
 * is below .8, the cosine of their words and pairs of words (TF-IDF).
 */
export type NearPair = { readonly a: number; readonly b: number; readonly similarity: number };

/** Jaccard similarity of word triples from which texts are near-duplicates. */
const nearEnough = 0.8;

/** Jaccard similarity of word sets, as the hashes estimate it, below which a pair is not compared. */
const worthComparing = 0.5;

const bands = 24;
const rowsPerBand = 6;
const hashes = bands * rowsPerBand;
/** A member of a bucket is compared with this many earlier members, which bounds the cost of large buckets. */
const comparedInBucket = 12;

/**
 * Pairs of near-duplicates among texts, `a < b`. Candidates have nearly the same set of words, by MinHash with banding
 * (Broder 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, ch. 3): a pair with 75 % of its words in common
 * is missed with a probability of 1 %. Of these, pairs are near-duplicates by {@link isNearDuplicate} or by their word
 * triples. Time grows with the number of words. Texts without words have no near-duplicates.
 */
export function nearDuplicates(texts: readonly string[], seed = 1): NearPair[] {
  const hashed = texts.map(wordHashes);
  // A script without spaces has few distinct characters, which most texts share.
  const setOf = (at: number): Uint32Array =>
    hasUnspaced(texts[at] as string)
      ? triplesOf(hashed[at] as Uint32Array)
      : distinct((hashed[at] as Uint32Array).map(mix));
  const signatures = sign(texts.length, setOf, seed);
  const found = new Map<number, NearPair>();
  const compared = new Set<number>();
  const cosine = cosineOf(texts);
  const triples = eachOnce((at: number) => triplesOf(hashed[at] as Uint32Array));
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<number, number[]>();
    for (let text = 0; text < texts.length; text++) {
      if ((hashed[text] as Uint32Array).length === 0) continue;
      const key = bandKey(signatures, text, band);
      const bucket = buckets.get(key);
      if (bucket === undefined) buckets.set(key, [text]);
      else bucket.push(text);
    }
    for (const bucket of buckets.values()) {
      for (let later = 1; later < bucket.length; later++) {
        for (let earlier = Math.max(0, later - comparedInBucket); earlier < later; earlier++) {
          const a = bucket[earlier] as number;
          const b = bucket[later] as number;
          const pair = a * texts.length + b;
          if (compared.has(pair)) continue;
          compared.add(pair);
          if (estimate(signatures, a, b) < worthComparing) continue;
          const common = jaccard(triples(a), triples(b));
          if (common >= nearEnough) found.set(pair, { a, b, similarity: common });
          else {
            const alike = cosine(a, b);
            if (isNearDuplicate(texts[a] as string, texts[b] as string, alike))
              found.set(pair, { a, b, similarity: alike });
          }
        }
      }
    }
  }
  return [...found.values()].sort((one, other) => one.a - other.a || one.b - other.b);
}

/** The cosine of two texts, by their TF-IDF among all texts. The vectorizer is fitted when it is needed first. */
function cosineOf(texts: readonly string[]): (a: number, b: number) => number {
  let vectors: Vectorizer | undefined;
  const vector = eachOnce((at: number) => {
    vectors ??= fitTfidf(texts);
    const { terms, weights } = vectors([texts[at] as string]);
    return new Map(Array.from(terms, (term, place) => [term, weights[place] as number]));
  });
  return (a, b) => {
    const other = vector(b);
    let sum = 0;
    for (const [term, weight] of vector(a)) sum += weight * (other.get(term) ?? 0);
    return Math.min(1, sum);
  };
}

/** Sorted distinct hashes of the word triples of a text; of its words if there are fewer than three. */
function triplesOf(words: Uint32Array): Uint32Array {
  const size = Math.min(3, words.length);
  const all = new Uint32Array(words.length === 0 ? 0 : words.length - size + 1);
  for (let at = 0; at < all.length; at++) {
    let hash = 0x811c9dc5;
    for (let next = at; next < at + size; next++) hash = Math.imul(hash ^ (words[next] as number), 0x01000193) >>> 0;
    all[at] = mix(hash);
  }
  return distinct(all);
}

/** The distinct numbers, sorted. Sorts `all` in place. */
function distinct(all: Uint32Array): Uint32Array {
  all.sort();
  let kept = 0;
  for (let at = 0; at < all.length; at++) {
    if (at === 0 || all[at] !== all[at - 1]) all[kept++] = all[at] as number;
  }
  return all.slice(0, kept);
}

/** FNV-1a of each word in lower case. */
function wordHashes(text: string): Uint32Array {
  return Uint32Array.from(words(text.toLowerCase()), (word) => {
    let hash = 0x811c9dc5;
    for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
    return hash >>> 0;
  });
}

/** The finaliser of MurmurHash3: spreads a hash over all 32 bits. */
function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** For each text, the minimum of each hash function over its set: texts x hashes. */
function sign(texts: number, setOf: (text: number) => Uint32Array, seed: number): Uint32Array {
  const random = createRandom(seed);
  const factors = Uint32Array.from({ length: hashes }, () => random.below(2 ** 31) * 2 + 1);
  const offsets = Uint32Array.from({ length: hashes }, () => random.below(2 ** 32));
  const signatures = new Uint32Array(texts * hashes).fill(0xffffffff);
  for (let text = 0; text < texts; text++) {
    const all = setOf(text);
    const start = text * hashes;
    for (let hash = 0; hash < hashes; hash++) {
      const factor = factors[hash] as number;
      const offset = offsets[hash] as number;
      let least = 0xffffffff;
      for (let at = 0; at < all.length; at++) {
        const product = (Math.imul(all[at] as number, factor) + offset) | 0;
        const value = (product ^ (product >>> 15)) >>> 0;
        if (value < least) least = value;
      }
      signatures[start + hash] = least;
    }
  }
  return signatures;
}

function bandKey(signatures: Uint32Array, text: number, band: number): number {
  let hash = 0x811c9dc5;
  const start = text * hashes + band * rowsPerBand;
  for (let at = start; at < start + rowsPerBand; at++) hash = mix(hash ^ (signatures[at] as number));
  return hash;
}

function estimate(signatures: Uint32Array, a: number, b: number): number {
  let same = 0;
  for (let at = 0; at < hashes; at++) if (signatures[a * hashes + at] === signatures[b * hashes + at]) same++;
  return same / hashes;
}

/** Common share of two sorted sets. */
function jaccard(a: Uint32Array, b: Uint32Array): number {
  let both = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const left = a[i] as number;
    const right = b[j] as number;
    if (left === right) both++;
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return both / (a.length + b.length - both);
}
