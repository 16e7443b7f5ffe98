/** Scripts without spaces between words, for a class of characters. */
export const unspaced = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{Script=${script}}`)
  .join("");
const word = new RegExp(`[${unspaced}]|(?:(?![${unspaced}])[\\p{L}\\p{N}\\p{M}])+`, "gu");

/** Runs of letters and digits; each character of a script without spaces is a word. */
export function words(text: string): string[] {
  return text.match(word) ?? [];
}

const unspacedScript = new RegExp(`[${unspaced}]`, "u");

/** Whether a text has characters of a script without spaces. */
export const hasUnspaced = (text: string): boolean => unspacedScript.test(text);

const unspacedCharacter = new RegExp(`[${unspaced}]|[^${unspaced}]+`, "gu");

/** A text without spaces in parts: each character of a script without spaces, and what is between them. */
export function unspacedParts(text: string): string[] {
  return text.match(unspacedCharacter) ?? [];
}

/** The words of a text with their positions. */
export function wordsAt(text: string): { readonly word: string; readonly start: number; readonly end: number }[] {
  return [...text.matchAll(word)].map(({ 0: found, index }) => ({
    word: found,
    start: index,
    end: index + found.length,
  }));
}
