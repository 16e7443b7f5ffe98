const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const closers = new Set(Object.values(closing));

/**
 * Cuts a text into labels: trimmed, without empty ones and repetitions, in the order of the text. A separator within
 * brackets does not cut ("Fracture (T12, L1)" is one label) unless the text's brackets do not pair up. A label may be a
 * JSON string: `"network, vpn", printer` has two labels. An empty separator gives the whole text.
 */
export function splitLabels(text: string, separator: string): string[] {
  return distinct(labelPieces(text, separator));
}

/** The labels without empty ones and repetitions, first occurrences first. */
export function distinct(labels: Iterable<string>): string[] {
  const seen = new Set(labels);
  seen.delete("");
  return [...seen];
}

/** The labels of a text as `splitLabels` reads them, with empty ones and repetitions. */
export function labelPieces(text: string, separator: string): string[] {
  if (separator === "") return [text.trim()];
  if (!/["([{]/.test(text)) return text.split(separator).map((piece) => piece.trim());
  return pieces(text, separator, true) ?? (pieces(text, separator, false) as string[]);
}

/** A label as a list writes it: as it is, or as a JSON string if `splitLabels` would not read it as one label. */
export function writeLabel(label: string, separator: string): string {
  const [only, ...more] = labelPieces(` ${label} `, separator);
  const isPlain = only === label && more.length === 0 && !/^"|[\r\n]/.test(label) && hasPairedBrackets(label);
  return isPlain ? label : JSON.stringify(label);
}

/** Whether every bracket of a text has its partner. */
export function hasPairedBrackets(text: string): boolean {
  return pieces(`_${text}`, "\0", true) !== undefined;
}

/** undefined: the brackets do not pair up. */
function pieces(text: string, separator: string, hasBrackets: boolean): string[] | undefined {
  const cuts: string[] = [];
  const open: string[] = [];
  const blanksFrom = (from: number): number => {
    let at = from;
    while (at < text.length && !text.startsWith(separator, at) && (text[at] as string).trim() === "") at++;
    return at;
  };
  let start = 0;
  let at = 0;
  for (;;) {
    if (at === start) {
      const quote = blanksFrom(at);
      const end = text[quote] === '"' ? quoteEnd(text, quote) : undefined;
      const next = end === undefined ? -1 : blanksFrom(end);
      if (next === text.length || (next >= 0 && text.startsWith(separator, next))) {
        const label = fromJson(text.slice(quote, end));
        if (label !== undefined) {
          cuts.push(label);
          if (next === text.length) return cuts;
          start = at = next + separator.length;
          continue;
        }
      }
    }
    if (at >= text.length) break;
    if (open.length === 0 && text.startsWith(separator, at)) {
      cuts.push(text.slice(start, at).trim());
      start = at = at + separator.length;
      continue;
    }
    const character = text[at] as string;
    const closer = hasBrackets ? closing[character] : undefined;
    if (closer !== undefined) open.push(closer);
    else if (hasBrackets && closers.has(character) && open.pop() !== character) return undefined;
    at++;
  }
  if (open.length > 0) return undefined;
  cuts.push(text.slice(start).trim());
  return cuts;
}

/** The offset after the quote that closes the one at `from`. */
function quoteEnd(text: string, from: number): number | undefined {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
    else if ((text[at] as string) < " ") return undefined;
  }
  return undefined;
}

function fromJson(quoted: string): string | undefined {
  try {
    return (JSON.parse(quoted) as string).trim();
  } catch {
    return undefined;
  }
}
