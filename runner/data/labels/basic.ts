import { endMarks } from "./punctuation.ts";

/** Direction marks, spaces without width and other characters that cannot be seen around a label. */
const unseen = "[\\s\\u00ad\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060\\u2066-\\u2069\\ufe0e\\ufe0f]";
const edges = new RegExp(`^${unseen}+|(?<!${unseen})${unseen}+$`, "g");

/**
 * NFKC, Unicode case folding, single inner spaces, no invisible characters around it, no trailing punctuation. A label
 * of punctuation alone keeps it.
 */
export function basicForm(label: string): string {
  const visible = label.normalize("NFKC").replace(edges, "");
  const text = fold(visible).normalize("NFKC").replace(/\s+/g, " ");
  let end = text.length;
  while (end > 0 && isEnd(text[end - 1] as string)) end--;
  return end === 0 ? text : text.slice(0, end);
}

const isEnd = (character: string): boolean => character === " " || endMarks.has(character);

/** Full case folding by way of upper case: "ß" and "SS" meet in "ss", every sigma in one; dotless i stays itself. */
function fold(text: string): string {
  const lower = text.toLowerCase();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole ASCII range is meant
  if (/^[\x00-\x7f]*$/.test(lower)) return lower;
  return lower
    .split("ı")
    .map((part) => part.toUpperCase().toLowerCase())
    .join("ı")
    .replaceAll("ς", "σ");
}
