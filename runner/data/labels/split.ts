const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const closers = new Set(Object.values(closing));

/**
 * Cuts a text into labels: trimmed, without empty ones and repetitions, in the order of the text. A separator within
 * brackets does not cut ("Fracture (T12, L1)" is one label) unless the text's brackets do not pair up.
 */
export function splitLabels(text: string, separator: string): string[] {
  return distinct(pieces(text, separator).map((piece) => piece.trim()));
}

/** The labels without empty ones and repetitions, first occurrences first. */
export function distinct(labels: Iterable<string>): string[] {
  const seen = new Set(labels);
  seen.delete("");
  return [...seen];
}

function pieces(text: string, separator: string): string[] {
  if (separator === "") return [text];
  const plain = text.split(separator);
  if (plain.length === 1 || !/[([{]/.test(text)) return plain;
  const cuts: string[] = [];
  const open: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (open.length === 0 && text.startsWith(separator, at)) {
      cuts.push(text.slice(start, at));
      start = at + separator.length;
      at = start - 1;
      continue;
    }
    const character = text[at] as string;
    const closer = closing[character];
    if (closer !== undefined) open.push(closer);
    else if (closers.has(character) && open.pop() !== character) return plain;
  }
  if (open.length > 0) return plain;
  cuts.push(text.slice(start));
  return cuts;
}
