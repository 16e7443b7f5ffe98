/** How often each n-gram of tokens occurs. */
export function ngrams(tokens: readonly string[], n: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at + n <= tokens.length; at++) {
    const gram = n === 1 ? (tokens[at] as string) : tokens.slice(at, at + n).join("\n");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** Number of n-grams in common; one that occurs several times counts as often as both have it. */
export function matches(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [gram, count] of a) sum += Math.min(count, b.get(gram) ?? 0);
  return sum;
}

/** Number of n-grams in a text of `length` tokens. */
export const gramCount = (length: number, n: number): number => Math.max(0, length - n + 1);

/** F1 of the numbers of matches, predicted and gold items; 0 without matches. */
export const overlapF1 = (hits: number, predicted: number, gold: number): number =>
  hits === 0 ? 0 : (2 * hits) / (predicted + gold);

/** F1 over the tokens of two texts; 1 if both have none, as in SQuAD 2.0. */
export function tokenF1(gold: readonly string[], predicted: readonly string[]): number {
  if (gold.length === 0 && predicted.length === 0) return 1;
  return overlapF1(matches(ngrams(predicted, 1), ngrams(gold, 1)), predicted.length, gold.length);
}

/**
 * Length of the longest common subsequence, 32 cells of a row at once (Hyyrö 2004): a bit is 0 where a row of the usual
 * table exceeds the cell before it. Takes time in the product of the lengths.
 */
export function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  const [left, right] = interned(a, b);
  const places = new Map<number, number[]>();
  for (const [at, token] of left.entries()) {
    const known = places.get(token);
    if (known === undefined) places.set(token, [at]);
    else known.push(at);
  }
  const row = new Uint32Array(Math.ceil(left.length / 32)).fill(0xffffffff);
  const matches = new Uint32Array(row.length);
  for (const token of right) {
    const found = places.get(token);
    if (found === undefined) continue;
    for (const at of found) matches[at >>> 5] = (matches[at >>> 5] as number) | (1 << (at & 31));
    let carry = 0;
    for (let word = (found[0] as number) >>> 5; word < row.length; word++) {
      const old = row[word] as number;
      const both = (old & (matches[word] as number)) >>> 0;
      const sum = old + both + carry;
      carry = sum > 0xffffffff ? 1 : 0;
      row[word] = sum | (old & ~both);
    }
    for (const at of found) matches[at >>> 5] = 0;
  }
  let length = 0;
  for (let at = 0; at < left.length; at++) if (((row[at >>> 5] as number) & (1 << (at & 31))) === 0) length += 1;
  return length;
}

/** F1 of the longest common subsequence (ROUGE-L). */
export const subsequenceF1 = (gold: readonly string[], predicted: readonly string[]): number =>
  overlapF1(commonSubsequence(gold, predicted), predicted.length, gold.length);

/**
 * Length of the longest run of tokens that is in both texts, and where it starts in the first: the first such run. If a
 * run exists, so do all shorter ones, so that the length is found by bisection.
 */
export function commonRun(
  a: readonly string[],
  b: readonly string[],
): { readonly start: number; readonly length: number } {
  const [left, right] = interned(a, b);
  let best = { start: 0, length: 0 };
  for (let high = Math.min(left.length, right.length); best.length < high; ) {
    const length = Math.ceil((best.length + high) / 2);
    const start = commonWindow(left, right, length);
    if (start === undefined) high = length - 1;
    else best = { start, length };
  }
  return best;
}

/** Where the first run of this length that is in both starts in the first; undefined if there is none. */
function commonWindow(left: Int32Array, right: Int32Array, length: number): number | undefined {
  const seen = new Map<number, number>();
  for (const [at, hash] of windowHashes(right, length).entries()) if (!seen.has(hash)) seen.set(hash, at);
  const start = windowHashes(left, length).findIndex((hash, at) => {
    const other = seen.get(hash);
    // Two windows with the same hash are nearly always equal.
    return other !== undefined && isEqualWindow(left, at, right, other, length);
  });
  return start < 0 ? undefined : start;
}

function isEqualWindow(one: Int32Array, from: number, other: Int32Array, start: number, length: number): boolean {
  for (let at = 0; at < length; at++) if (one[from + at] !== other[start + at]) return false;
  return true;
}
/** A hash below 2^52 for each window of this length: polynomials modulo two primes, whose products are exact. */
function windowHashes(tokens: Int32Array, length: number): Float64Array {
  const hashes = new Float64Array(Math.max(0, tokens.length - length + 1));
  const parts = [
    { prime: 67_108_859, base: 7_368_787, value: 0, first: 1 },
    { prime: 67_108_837, base: 2_750_159, value: 0, first: 1 },
  ];
  for (const part of parts) for (let at = 1; at < length; at++) part.first = (part.first * part.base) % part.prime;
  for (let at = 0; at < tokens.length; at++) {
    for (const part of parts) {
      const old = at < length ? 0 : ((tokens[at - length] as number) + 1) * part.first;
      const kept = (part.value + part.prime - (old % part.prime)) % part.prime;
      part.value = (kept * part.base + (tokens[at] as number) + 1) % part.prime;
    }
    if (at >= length - 1) hashes[at - length + 1] = (parts[0]?.value ?? 0) * 67_108_864 + (parts[1]?.value ?? 0);
  }
  return hashes;
}

/** Tokens as numbers, the same number for the same token. */
function interned(a: readonly string[], b: readonly string[]): readonly [Int32Array, Int32Array] {
  const numbers = new Map<string, number>();
  const numberOf = (token: string): number => {
    const known = numbers.get(token) ?? numbers.size;
    numbers.set(token, known);
    return known;
  };
  return [Int32Array.from(a, numberOf), Int32Array.from(b, numberOf)];
}
