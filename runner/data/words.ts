const unspaced = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}";
const word = new RegExp(`[${unspaced}]|(?:(?![${unspaced}])[\\p{L}\\p{N}\\p{M}])+`, "gu");

/** Runs of letters and digits; each character of a script without spaces is a word. */
export function words(text: string): string[] {
  return text.match(word) ?? [];
}
