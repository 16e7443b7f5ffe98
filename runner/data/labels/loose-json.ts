/** A JSON value. A number is the text that was written; of equal keys of an object, the last one counts. */
export type Loose = string | boolean | null | readonly Loose[] | ReadonlyMap<string, Loose>;

/** Values deeper than this are no answer. */
const deepest = 64;

const closer: Readonly<Record<string, string>> = { "[": "]", "{": "}", "(": ")" };
const quotes: Readonly<Record<string, string>> = { '"': '"', "'": "'", "“": "”" };
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };
const constants: Readonly<Record<string, Loose>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  null: null,
  None: null,
};

type Frame = {
  readonly end: string;
  readonly items: Loose[];
  readonly entries: Map<string, Loose>;
  key: string | undefined;
};

/**
 * Reads the JSON value at an offset, and what models write for it: single quotes, True and None, keys and values
 * without quotes, a comma at the end, Python's sets and tuples. A value without its end keeps what is complete.
 * undefined: there is no value here. Linear in the length of the value.
 */
export function readLoosely(
  text: string,
  from: number,
): { readonly value: Loose; readonly end: number; readonly truncated: boolean } | undefined {
  const open: Frame[] = [];
  let value: Loose | undefined;
  const put = (one: Loose): void => {
    const frame = open.at(-1);
    if (frame === undefined) value = one;
    else if (frame.key === undefined) frame.items.push(one);
    else {
      frame.entries.set(frame.key, one);
      frame.key = undefined;
    }
  };
  const close = (frame: Frame): Loose => (frame.end === "}" && frame.items.length === 0 ? frame.entries : frame.items);
  let at = from;
  while (at < text.length) {
    const character = text[at] as string;
    const frame = open.at(-1);
    if (closer[character] !== undefined) {
      if (open.length === deepest) return undefined;
      open.push({ end: closer[character], items: [], entries: new Map(), key: undefined });
      at++;
    } else if (frame === undefined) return undefined;
    else if (character === frame.end) {
      open.pop();
      if (frame.items.length > 0 && frame.entries.size > 0) return undefined;
      put(close(frame));
      at++;
      if (open.length === 0) return { value: value as Loose, end: at, truncated: false };
    } else if (character === "," || character.trim() === "") at++;
    else if (text.startsWith("//", at)) {
      const line = text.indexOf("\n", at);
      at = line < 0 ? text.length : line;
    } else if ("]})".includes(character)) return undefined;
    else {
      const read = quotes[character] === undefined ? bareAt(text, at) : quotedAt(text, at);
      if (read === undefined) break;
      at = read.end;
      let colon = at;
      while (colon < at + 8 && /[\t ]/.test(text[colon] ?? "")) colon++;
      if (frame.end === "}" && frame.key === undefined && (text[colon] === ":" || text[colon] === "：")) {
        frame.key = String(read.value);
        at = colon + 1;
      } else if (typeof read.value === "string" && read.isBare && frame.end !== "}") return undefined;
      else put(read.value);
    }
  }
  if (open.length === 0) return undefined;
  for (;;) {
    const frame = open.pop();
    if (frame === undefined) return { value: value as Loose, end: text.length, truncated: true };
    put(close(frame));
  }
}

type Read = { readonly value: Loose; readonly end: number; readonly isBare?: boolean };

/** The text in quotes; undefined if it has no end. A single quote within a word is an apostrophe. */
function quotedAt(text: string, from: number): Read | undefined {
  const quote = quotes[text[from] as string] as string;
  const parts: string[] = [];
  for (let at = from + 1; at < text.length; at++) {
    const character = text[at] as string;
    if (character === "\\") {
      const next = text[++at] ?? "";
      const code = next === "u" ? /^[0-9a-f]{4}/i.exec(text.slice(at + 1, at + 5)) : null;
      if (code) at += 4;
      parts.push(code ? String.fromCharCode(Number.parseInt(code[0], 16)) : (escapes[next] ?? next));
    } else if (character === quote && (quote !== "'" || !/[\p{L}\p{N}]/u.test(text[at + 1] ?? "")))
      return { value: parts.join(""), end: at + 1 };
    else parts.push(character);
  }
  return undefined;
}

/** A number, a constant or a word up to the next comma, bracket, colon or line break. */
function bareAt(text: string, from: number): Read | undefined {
  let end = from;
  while (end < text.length && !/[,:：\]})[{(\n]/.test(text[end] as string)) end++;
  if (end === text.length || end === from) return undefined;
  const word = text.slice(from, end).trim();
  if (Object.hasOwn(constants, word)) return { value: constants[word] as Loose, end };
  if (/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(word)) return { value: word, end };
  return { value: word, end, isBare: true };
}
