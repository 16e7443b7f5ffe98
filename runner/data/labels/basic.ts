const trailing = new Set([..." .,;:!?\u3002\uff0c\u3001"]);

/** NFKC, Unicode case folding, single inner spaces, no trailing punctuation. */
export function basicForm(label: string): string {
  const text = fold(label.normalize("NFKC")).normalize("NFKC").replace(/\s+/g, " ").trim();
  let end = text.length;
  while (end > 0 && trailing.has(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

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
