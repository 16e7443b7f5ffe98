import { withoutReasoning } from "../../data/labels/chat-markup.ts";
import type { Note } from "../../data/labels/note.ts";
import { isObject, type JsonObject, readJson } from "./value.ts";

/** An answer as a JSON object; null if none could be read. */
export type JsonAnswer = { readonly value: JsonObject | null; readonly notes: readonly Note[] };

/**
 * Reads the answer of a model. A strict reading accepts nothing but one JSON object. A lenient one removes reasoning
 * and chat residue, and takes the first JSON object of the remaining text. Neither changes anything within the object:
 * JSON with an error is no answer.
 */
export function parseAnswer(
  text: string,
  { answers, finish }: { readonly answers: "lenient" | "strict"; readonly finish?: string | undefined },
): JsonAnswer {
  const notes = new Set<Note>();
  if (finish === "length") notes.add("truncated");
  const of = (value: JsonObject | null): JsonAnswer => ({ value, notes: [...notes] });
  if (text.trim() === "") {
    notes.add("empty");
    return of(null);
  }
  const whole = objectIn(text);
  if (whole !== undefined) return of(whole);
  if (answers === "strict") {
    notes.add("not-json");
    return of(null);
  }
  const rest = withoutReasoning(text, notes, {
    isAnswer: (part) => objectIn(part) !== undefined,
    valueIn(part) {
      const object = firstObject(part);
      return object?.end === undefined ? undefined : { start: object.start, end: object.end };
    },
  });
  const found = firstObject(rest);
  if (found === undefined) {
    notes.add("not-json");
    return of(null);
  }
  if (found.end === undefined) {
    notes.add("not-json").add("truncated");
    return of(null);
  }
  const value = objectIn(rest.slice(found.start, found.end));
  if (value === undefined) notes.add("not-json");
  else {
    const around = `${rest.slice(0, found.start)}${rest.slice(found.end)}`;
    if (around.trim() !== "") notes.add(/^\s*```\w*\s*```\s*$/.test(around) ? "fence" : "extra-text");
  }
  return of(value ?? null);
}

function objectIn(text: string): JsonObject | undefined {
  const start = text.trimStart();
  if (!start.startsWith("{")) return undefined;
  const read = readJson(text.trim());
  return read.ok && isObject(read.value) ? read.value : undefined;
}

/**
 * Where the first object of a text starts and ends; without end if its brackets are not closed. An object starts with a
 * brace that a quoted key or a closing brace follows: other braces belong to the text. An object within a list or
 * within text that opens another bracket is a part of another value, and no answer.
 */
function firstObject(text: string): { readonly start: number; readonly end: number | undefined } | undefined {
  const start = text.search(/\{\s*["}]/);
  if (start < 0 || isWithin(text.slice(0, start))) return undefined;
  let [depth, isString] = [0, false];
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (isString) {
      if (character === "\\") at++;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === "{" || character === "[") depth++;
    else if ((character === "}" || character === "]") && --depth === 0) return { start, end: at + 1 };
  }
  return { start, end: undefined };
}

/** Whether a text leaves a bracket open. */
function isWithin(before: string): boolean {
  let open = 0;
  for (const character of before) {
    if (character === "{" || character === "[") open++;
    else if (character === "}" || character === "]") open = Math.max(0, open - 1);
  }
  return open > 0;
}
