const unspaced = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}";
const word = new RegExp(`[${unspaced}]|(?:(?![${unspaced}])[\\p{L}\\p{N}\\p{M}])+`, "gu");

/** Runs of letters and digits; each character of a script without spaces is a word. */
export function words(text: string): string[] {
  return text.match(word) ?? [];
}

const unspacedCharacter = new RegExp(`[${unspaced}]|[^${unspaced}]+`, "gu");

/** A text without spaces in parts: each character of a script without spaces, and what is between them. */
export function unspacedParts(text: string): string[] {
  return text.match(unspacedCharacter) ?? [];
}
