import { basicForm } from "./basic.ts";
import { answerLines, withoutMarker, words } from "./block.ts";
import { withoutChatMarkup } from "./chat-markup.ts";
import { jsonItems } from "./json.ts";
import { isNone } from "./none.ts";
import type { Note } from "./note.ts";
import { distinct, splitLabels } from "./split.ts";

/** How the answers of a study are parsed. */
export type ParseOptions = {
  /** The text between two labels. */
  readonly separator: string;
  /** Whether an answer has one label: the first one is kept. */
  readonly isSingle?: boolean;
  /** Labels of the training rows as written. Such a piece is a label even if it is "None" or very long. */
  readonly known?: ReadonlySet<string>;
  /** How generation ended; "length" adds the note "truncated". */
  readonly finish?: string | undefined;
};

/** An answer as a set of labels. If no label could be read, `parsed` is false and the set is empty. */
export type ParsedAnswer = {
  readonly labels: readonly string[];
  readonly parsed: boolean;
  readonly notes: readonly Note[];
};

/** Limits of a label, in UTF-16 units and words. A longer piece is prose, unless it is a known label. */
const longest = { characters: 300, words: 30 };

/**
 * Parses the answer of a model, in these steps:
 * 1. Remove `<think>` blocks and similar; an unclosed block with all that follows, and the text before a lone
 *    `</think>`.
 * 2. Remove chat markup: special tokens, a role at the start, a further turn at the end. Keep the inside of `<answer>`,
 *    `\boxed{}`.
 * 3. If the answer has JSON, use it: an array, an object with an array, objects in an array, also in a fence or
 *    truncated.
 * 4. Else use the text after the last "Final answer:", or after the first "Diagnosis:", "Answer:", "Labels:" and
 *    similar, or all.
 * 5. Use its first block: the entries of a list (the name in "1. Name: reason"), or the lines up to a blank line. Skip
 *    the text
 * after "Explanation:" and similar, and a sentence after a full stop.
 * 6. Split it at separators outside brackets. Strip markers, Markdown, quotes, a leading "and" and final full stops.
 *    Split
 * "A and B", "A; B" and similar if both are known labels.
 * 7. "none", "no abnormality", "normal" and similar are the empty set. Parsing the result, joined by the separator,
 *    gives the same labels. Takes linear time and does not throw.
 */
export function parseAnswer(text: string, options: ParseOptions): ParsedAnswer {
  const first = readOnce(text, options);
  const separator = options.separator === "\n" ? "\n" : `${options.separator} `;
  let last = first;
  for (let again = 0; again < 8 && last.labels.length > 0; again++) {
    const { labels } = last;
    const next = readOnce(labels.join(separator), options);
    if (next.labels.length === labels.length && next.labels.every((label, index) => label === labels[index])) break;
    last = next;
  }
  return { labels: last.labels, parsed: last.parsed, notes: first.notes };
}

/** One pass. Its result may match a rule again ("- Sure, here: A"), so parseAnswer repeats it until nothing changes. */
function readOnce(text: string, options: ParseOptions): ParsedAnswer {
  const notes = new Set<Note>();
  if (options.finish === "length") notes.add("truncated");
  const known = options.known ?? new Set<string>();
  const answer = withoutChatMarkup(text, notes);
  const json = known.has(answer) ? undefined : jsonItems(answer);
  let lines: string[];
  if (json) {
    notes.add("json");
    if (json.truncated) notes.add("truncated");
    if (json.around) notes.add("extra-text");
    lines = json.items.map((item) => item.replace(/\s+/g, " "));
  } else if (refusal.test(answer.slice(0, 80))) {
    return { labels: [], parsed: false, notes: [...notes, "refusal"] };
  } else lines = answerLines(answer, notes, known, options.separator);

  let none = json !== undefined && json.items.length === 0;
  const labels: string[] = [];
  const inText = lines.flatMap((line) => {
    const whole = known.has(line.trim()) ? line.trim() : clean(unwrap(line.trim()), false);
    return known.has(whole) ? [whole] : splitLabels(unwrap(line.trim()), options.separator);
  });
  for (const piece of inText) {
    const label = known.has(piece) ? piece : clean(piece, inText.length > 1);
    if (label === "") continue;
    const parts = known.has(label) ? undefined : knownParts(label, known);
    if (parts !== undefined) labels.push(...parts);
    else if (known.has(label)) labels.push(label);
    else if (isNone(label) && !isKnownForm(label, known)) none = true;
    else if (label.length > longest.characters || words(label) > longest.words) notes.add("prose");
    else labels.push(label);
  }
  const set = distinct(labels);
  if (set.length < labels.length) notes.add("repeated");
  if (options.isSingle && set.length > 1) {
    notes.add("several");
    set.length = 1;
  }
  if (none && set.length === 0) notes.add("none");
  else if (set.length === 0 && text.trim() === "") notes.add("empty");
  return { labels: set, parsed: set.length > 0 || none, notes: [...notes] };
}

const refusal =
  /^(i['’]m sorry|i am sorry|sorry,|i apologi[sz]e|i cannot |i can['’]t |i am unable|i['’]m unable|as an ai\b)/i;

const quotes: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "`": "`",
  "“": "”",
  "‘": "’",
  "«": "»",
  "„": "“",
  "*": "*",
  _: "_",
  "~": "~",
};

/** `[A, B]` and `"A, B"` are lists too; `[left] A`, `A [left]` and `"A", "B"` are not wrapped. */
function unwrap(line: string): string {
  const open = line[0] ?? "";
  const close = open === "[" ? "]" : quotes[open];
  if (close === undefined || line.length < 2 || line.indexOf(close, 1) !== line.length - 1) return line;
  return line.slice(1, -1);
}

/** Whether a label of the study has the same basic form. */
function isKnownForm(label: string, known: ReadonlySet<string>): boolean {
  return formsOf(known).has(basicForm(label));
}

const knownForms = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>();

function formsOf(known: ReadonlySet<string>): ReadonlySet<string> {
  const before = knownForms.get(known);
  if (before !== undefined) return before;
  const forms = new Set([...known].map(basicForm));
  knownForms.set(known, forms);
  return forms;
}

/** "A and B", "A; B", "A | B", "A / B" as A, B if both are labels of the study and the whole is not. */
function knownParts(label: string, known: ReadonlySet<string>): readonly string[] | undefined {
  if (label.length > longest.characters || isKnownForm(label, known)) return undefined;
  const parts = label.split(/\s+(?:and|&)\s+|\s*[;|]\s*|\s+\/\s+/i).map((part) => clean(part, false));
  return parts.length > 1 && parts.every((part) => isKnownForm(part, known)) ? parts : undefined;
}

/** One label without list markers, Markdown, quotes and final full stops. */
function clean(piece: string, oneOfSeveral: boolean): string {
  if (piece.length > 2 * longest.characters) return piece;
  let text = piece;
  for (;;) {
    let next = withoutMarker(text).replace(/^#+ /, "").trim();
    let stop = next.length;
    while (stop > 0 && ".;,。".includes(next[stop - 1] as string)) stop--;
    next = next.slice(0, stop);
    if (next.length > 1 && quotes[next[0] as string] === next.at(-1)) next = next.slice(1, -1);
    else if (next === "*" || next === "_" || next === '"') next = "";
    else if (next.startsWith("**") || next.startsWith("__")) next = next.slice(2);
    else if (next.endsWith("**") || next.endsWith("__")) next = next.slice(0, -2);
    if (oneOfSeveral) next = next.replace(/^(?:and|&)\s+/i, "");
    next = next.trim();
    if (next === text) return text;
    text = next;
  }
}
