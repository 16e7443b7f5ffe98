/**
 * Cosine (TF-IDF, words and pairs) from which two texts are near-duplicates, by the words of the shorter text. In a short
 * text, one other sentence is a large part. Copies of the shipped study's reports with their sentences in random order
 * or 5 to 10 % of the words replaced have .68 at least; two different reports have .39 at most.
 */
export const nearCosine = { short: 0.8, long: 0.65 } as const;

/** A text with fewer words is short. */
const longText = 40;

/** A text in lower case with single spaces: two copies of one text may differ in case and white space. */
export function foldText(text: string): string {
  return text.replace(/\s+/g, " ").trim().toLowerCase();
}

/**
 * Whether two texts are near-duplicates: equal but for white space and case, or with nearly the same words, also if
 * sentences have another order.
 */
export function isNearDuplicate(a: string, b: string, cosine: number): boolean {
  const [one, other] = [foldText(a), foldText(b)];
  if (one === other) return true;
  if (cosine < nearCosine.long) return false;
  return cosine >= (Math.min(wordsIn(one), wordsIn(other)) < longText ? nearCosine.short : nearCosine.long);
}

const wordsIn = (folded: string): number => folded.split(" ").length;
