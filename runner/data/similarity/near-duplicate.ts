/**
 * Cosine (TF-IDF, words and pairs) from which two texts count as the same case. Copies of the shipped study's reports
 * in which every tenth word was replaced are at .84 in the median, with their sentences in reverse order at .81, with
 * one sentence left out at .97; two different reports have .39 at most.
 */
export const nearDuplicateCosine = 0.8;

/** A text in lower case with single spaces: two copies of one text may differ in case and white space. */
export function foldText(text: string): string {
  return text.replace(/\s+/g, " ").trim().toLowerCase();
}

/**
 * Whether two texts are near-duplicates: equal but for white space and case, or with nearly the same words in the same
 * order.
 */
export function isNearDuplicate(a: string, b: string, cosine: number): boolean {
  return cosine >= nearDuplicateCosine || foldText(a) === foldText(b);
}
