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

/** Length of the longest common subsequence. Takes time in the product of the lengths, and memory in one of them. */
export function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  const [left, right] = interned(a, b);
  const row = new Int32Array(right.length + 1);
  for (const token of left) {
    let diagonal = 0;
    for (let at = 1; at < row.length; at++) {
      const above = row[at] as number;
      if (token === right[at - 1]) row[at] = diagonal + 1;
      else if ((row[at - 1] as number) > above) row[at] = row[at - 1] as number;
      diagonal = above;
    }
  }
  return row[right.length] as number;
}

/** F1 of the longest common subsequence (ROUGE-L). */
export const subsequenceF1 = (gold: readonly string[], predicted: readonly string[]): number =>
  overlapF1(commonSubsequence(gold, predicted), predicted.length, gold.length);

/** Length of the longest run of tokens that is in both texts, and where it starts in the first. */
export function commonRun(
  a: readonly string[],
  b: readonly string[],
): { readonly start: number; readonly length: number } {
  const [left, right] = interned(a, b);
  const row = new Int32Array(right.length + 1);
  let best = { start: 0, length: 0 };
  for (const [index, token] of left.entries()) {
    for (let at = right.length; at > 0; at--) {
      const length = token === right[at - 1] ? (row[at - 1] as number) + 1 : 0;
      row[at] = length;
      if (length > best.length) best = { start: index - length + 1, length };
    }
  }
  return best;
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
