/** The labels in the first JSON value of an answer. */
export type JsonItems = {
  readonly items: readonly string[];
  /** The value has no end. */
  readonly truncated: boolean;
  /** Whether there is text before or after the value. */
  readonly around: boolean;
};

/**
 * Finds labels in JSON: strings of an array, of the array in an object, of the objects in an array. undefined: no JSON
 * here.
 */
export function jsonItems(text: string): JsonItems | undefined {
  const from = text.search(/[[{]\s*(?:["{]|\]|\}|\[\s*"|'[^'\n]{1,80}'\s*:)/);
  if (from < 0) return undefined;
  if (from > 0 && !/(?:^|\s|:)$/.test(text.slice(from - 1, from))) return undefined;
  const { strings, end } = scan(text, from);
  const before = text.slice(0, from).trim() !== "";
  if (end === undefined) {
    return strings.length > 0 && !before ? { items: strings, truncated: true, around: before } : undefined;
  }
  const value = parseLoosely(text.slice(from, end));
  if (value === undefined) return undefined;
  const around = before || text.slice(end).replace(/^[\s.]+/, "") !== "";
  if (around && !(Array.isArray(value) ? value.length > 0 : true)) return undefined;
  return { items: leaves(value), truncated: false, around };
}

/** JSON, or what Python prints for the same: single quotes, True, None. undefined where it is neither. */
function parseLoosely(text: string): unknown {
  for (const one of [
    text,
    text
      .replace(/(?<=[[{,:]\s*)'|'(?=\s*[\]},:])/g, '"')
      .replace(/\bTrue\b/g, "true")
      .replace(/\bFalse\b/g, "false"),
  ]) {
    try {
      return JSON.parse(one);
    } catch {}
  }
  return undefined;
}

/** The complete strings that are no keys, and the offset after the value's last bracket. */
function scan(text: string, from: number): { strings: string[]; end: number | undefined } {
  const strings: string[] = [];
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const start = at;
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
      if (at >= text.length) break;
      const isKey = /^\s{0,8}:/.test(text.slice(at + 1, at + 10));
      if (!isKey) strings.push(unquote(text.slice(start, at + 1)));
    } else if (character === "[" || character === "{") depth++;
    else if ((character === "]" || character === "}") && --depth === 0) return { strings, end: at + 1 };
  }
  return { strings, end: undefined };
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1);
  }
}

/** Strings of a value without recursion, for answers can nest as deep as they are long. */
function leaves(value: unknown): string[] {
  const found: string[] = [];
  const todo: unknown[] = [value];
  while (todo.length > 0) {
    const next = todo.pop();
    if (typeof next === "string") found.push(next);
    else if (Array.isArray(next)) for (let index = next.length - 1; index >= 0; index--) todo.push(next[index]);
    else if (typeof next === "object" && next !== null) todo.push(ofObject(next as Record<string, unknown>));
  }
  return found;
}

/** `{"labels": [...]}` gives the array, `{"A": true, "B": false}` gives A, `{"label": "A", "why": "..."}` gives A. */
function ofObject(object: Record<string, unknown>): unknown {
  const entries = Object.entries(object);
  const list = entries.find(([, value]) => Array.isArray(value));
  if (list) return list[1];
  if (entries.length > 0 && entries.every(([, value]) => typeof value === "boolean")) {
    return entries.filter(([, value]) => value).map(([key]) => key);
  }
  return entries.find(([, value]) => typeof value === "string" || (typeof value === "object" && value !== null))?.[1];
}
