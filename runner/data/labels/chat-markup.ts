import type { Note } from "./note.ts";

/** What the labels of a study say about a part of an answer. */
export type KnownLabels = {
  /** Whether nothing else needs to be removed from a text. */
  isAnswer(text: string): boolean;
  /** Whether a text is one label, with what may surround it. */
  isLabel(text: string): boolean;
  /** Whether a label contains a text, which is then no markup. */
  isPartOfLabel(text: string): boolean;
  /** The place of a value in which nothing is markup. */
  valueIn?(text: string): Place | undefined;
};

type Place = { readonly start: number; readonly end: number };

const isIn = (place: Place | undefined, at: number): boolean =>
  place !== undefined && at >= place.start && at < place.end;

/**
 * The answer of a chat model without thoughts, special tokens, roles, further turns, answer tags and fences. It stops
 * as soon as `isAnswer` holds for what remains.
 */
export function withoutChatMarkup(text: string, notes: Set<Note>, known: KnownLabels): string {
  return removed([...reasoningSteps, ...formSteps], text, notes, known);
}

/**
 * A free text without thoughts, special tokens, roles and further turns, and without tags or a fence around the whole.
 * Tags, fences and LaTeX within the text are parts of it.
 */
export function withoutWrapping(text: string, notes: Set<Note>): string {
  return removed(textSteps, text, notes, nothingKnown);
}

/**
 * The answer of a chat model without thoughts, special tokens, roles and further turns. It stops as soon as `isAnswer`
 * holds, and leaves the value that `valueIn` finds as it is.
 */
export function withoutReasoning(
  text: string,
  notes: Set<Note>,
  known: Required<Pick<KnownLabels, "isAnswer" | "valueIn">>,
): string {
  return removed(reasoningSteps, text, notes, { ...nothingKnown, ...known });
}

const nothingKnown: KnownLabels = { isAnswer: () => false, isLabel: () => false, isPartOfLabel: () => false };

function removed(steps: readonly Step[], text: string, notes: Set<Note>, known: KnownLabels): string {
  let rest = text;
  for (const step of steps) {
    if (known.isAnswer(rest)) return rest;
    rest = step(rest, notes, known);
  }
  return rest.trim();
}

type Step = (text: string, notes: Set<Note>, known: KnownLabels) => string;

type Tag = { readonly open: string; readonly close: string };

/** How models mark what they think before they answer. */
const thoughts: readonly Tag[] = [
  ...["think", "thinking", "thought", "reasoning", "scratchpad", "reflection", "analysis", "seed:think"].map(
    (name) => ({
      open: `<${name}>`,
      close: `</${name}>`,
    }),
  ),
  { open: "[THINK]", close: "[/THINK]" },
  { open: "◁think▷", close: "◁/think▷" },
  { open: "<|START_THINKING|>", close: "<|END_THINKING|>" },
  { open: "<|begin_of_thought|>", close: "<|end_of_thought|>" },
  { open: "<unused94>", close: "<unused95>" },
];

function withoutThinking(
  text: string,
  { open: opening, close: closing }: Tag,
  notes: Set<Note>,
  valueIn?: KnownLabels["valueIn"],
): string {
  if (!text.includes(opening) && !text.includes(closing)) return text;
  /** The start of a value that the tag at an offset is a part of. */
  const valueAround = (whole: string, tag: number): number | undefined => {
    const value = valueIn?.(whole);
    return isIn(value, tag) ? value?.start : undefined;
  };
  const kept: string[] = [];
  let at = 0;
  for (let thought = 0; ; thought++) {
    const open = text.indexOf(opening, at);
    if (open < 0 || (thought < mostThoughts && valueAround(text.slice(at), open - at) !== undefined)) break;
    notes.add("think");
    kept.push(text.slice(at, open));
    const close = text.indexOf(closing, open);
    if (close < 0) {
      notes.add("truncated");
      at = text.length;
      break;
    }
    at = close + closing.length;
  }
  const rest = kept.join("\n") + (kept.length > 0 ? "\n" : "") + text.slice(at);
  const last = rest.lastIndexOf(closing);
  const lone = rest.lastIndexOf(closing, last < 0 ? last : valueAround(rest, last));
  if (last < 0 || lone < 0) return rest;
  notes.add("think");
  return rest.slice(lone + closing.length);
}

/** Thoughts before which a value is looked for, which takes the time of reading the text. */
const mostThoughts = 8;

/** Marks of the last part of an answer in channels: as written, and without special tokens. */
function finalChannel(text: string, notes: Set<Note>): string {
  const marks = ["<|channel|>final<|message|>", "<|START_RESPONSE|>", "<|begin_of_solution|>", "Here is my response:"];
  if (text.startsWith("analysis")) marks.push("assistantfinal");
  for (const mark of marks) {
    const at = text.lastIndexOf(mark);
    if (at < 0) continue;
    notes.add("residue");
    return text.slice(at + mark.length);
  }
  if (!text.includes("<|channel|>analysis")) return text;
  notes.add("think").add("truncated");
  return "";
}

const start = /^\s{0,64}(?:<\|[^|<>\n]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|<s>|<bos>|\[\/INST\]|<start_of_turn>)/;
const tokens = "<\\|[^|<>\\n]{1,40}\\|>|<｜[^｜<>\\n]{1,40}｜>|</s>|<eos>|<end_of_turn>|<start_of_turn>|\\[INST\\]";
const roleLine = "\\n\\s{0,8}(user|human|system|assistant)[ \\t]{0,8}:?[ \\t]{0,8}(?=\\n|$)";

/** How roles at the start and further turns are written. */
type Turns = { readonly role: RegExp; readonly end: RegExp };
const turns: Turns = {
  role: /^\s{0,64}(assistant|model|bot|ai)\s{0,8}(?::|\n|$|(?=<\|))/i,
  end: new RegExp(`${tokens}|${roleLine}|\\n\\s{0,8}(User|Human):`, "g"),
};
/** In free texts "AI: a title" is no role, and "User: a question" no further turn. */
const textTurns: Turns = {
  role: /^\s{0,64}(assistant|model)[ \t]{0,8}:?[ \t]{0,8}\n(?=\s{0,64}\S)/,
  end: new RegExp(`${tokens}|${roleLine}`, "g"),
};

function withoutTurns({ role, end }: Turns, text: string, notes: Set<Note>, known: KnownLabels): string {
  let rest = text;
  for (let turn = 0; turn < 8; turn++) {
    const begin = rest.slice(0, 200);
    const token = start.exec(begin);
    const found = token ?? role.exec(begin);
    if (!found || known.isAnswer(rest)) break;
    const after = rest.slice(found[0].length);
    if (token !== null && known.isPartOfLabel(token[0].trim())) break;
    if (token === null && known.isLabel(found[1] as string) && !startsWithLabel(after, known)) break;
    notes.add("residue");
    rest = after;
  }
  if (known.isAnswer(rest)) return rest;
  const value = known.valueIn?.(rest);
  for (const stop of rest.matchAll(end)) {
    if (isIn(value, stop.index)) continue;
    const before = rest.slice(0, stop.index);
    const name = stop[1] ?? stop[2];
    if (name === undefined ? known.isPartOfLabel(stop[0]) : known.isLabel(name) && !known.isLabel(before)) continue;
    notes.add("residue");
    return before;
  }
  return rest;
}

/** Whether the first line of a text is a label. */
function startsWithLabel(text: string, { isLabel }: KnownLabels): boolean {
  return isLabel(text.trimStart().split("\n", 1)[0] as string);
}

/** The content of a tag or of a fence that the whole text is within. */
function unwrapWhole(text: string, notes: Set<Note>): string {
  const whole = text.trim();
  const [, tag] = /^<(\w{1,20})>/.exec(whole) ?? [];
  if (tag !== undefined && tags.includes(tag) && whole.endsWith(`</${tag}>`)) {
    notes.add("residue");
    return whole.slice(tag.length + 2, -(tag.length + 3));
  }
  const fence = /^```[\w-]{0,32}[ \t]{0,8}\n/.exec(whole);
  const end = whole.length - 3;
  return fence && whole.indexOf("```", 3) === end ? whole.slice(fence[0].length, end) : whole;
}

const tags = ["final_answer", "answer", "labels", "diagnoses", "diagnosis", "output", "result", "response"];

/** The content of the last `<answer>…</answer>`, closed or not, and of every `<label>…</label>` in it. */
function unwrapTags(text: string, notes: Set<Note>, { isPartOfLabel }: KnownLabels): string {
  let rest = text;
  for (const tag of tags) {
    const at = rest.lastIndexOf(`<${tag}>`);
    if (at < 0 || isPartOfLabel(`<${tag}>`)) continue;
    notes.add("residue");
    const from = at + tag.length + 2;
    const to = rest.indexOf(`</${tag}>`, from);
    rest = rest.slice(from, to < 0 ? rest.length : to);
  }
  for (const tag of ["label", "item", "tag", "category"]) {
    const [, ...parts] = rest.split(`<${tag}>`);
    if (parts.length === 0 || isPartOfLabel(`<${tag}>`)) continue;
    notes.add("residue");
    return parts.map((part) => part.split(`</${tag}>`, 1)[0] as string).join("\n");
  }
  return rest;
}

/** The content of the last `\boxed{…}`, and of those that only punctuation separates from it. */
function unbox(text: string, notes: Set<Note>): string {
  const [, ...parts] = text.split("\\boxed{");
  if (parts.length === 0) return text;
  notes.add("residue");
  const kept: string[] = [];
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at] as string;
    const end = braceEnd(part);
    if (kept.length > 0 && /[^\s$,;.]/.test(part.slice(end + 1).replace(/\b(?:and|\\quad)\b/g, ""))) break;
    kept.unshift(part.slice(0, end));
  }
  return kept.join("\n");
}

/** The offset of the brace that closes what an opened brace before the text starts. */
function braceEnd(text: string): number {
  let depth = 1;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  return text.length;
}

/** Text without commands of LaTeX: of `\text{A}` the A, of `\( A \)` the A. */
function withoutLatex(text: string, notes: Set<Note>): string {
  const plain = text
    .replace(/\\(?:text|textbf|textit|mathrm|mathbf|mathsf|texttt|operatorname)\s?\{([^{}\\]*)\}/g, "$1")
    .replace(/\\[([]\s?([^\\]{1,400}?)\s?\\[)\]]/g, "$1");
  if (plain === text) return text;
  notes.add("residue");
  return plain.replace(/\\(?:quad|,|;|!)/g, " ").replace(/\\ /g, " ");
}

/** The first fenced block's content, if the answer has one; a lone fence is dropped. */
function unfence(text: string, _: Set<Note>, { isAnswer, isPartOfLabel }: KnownLabels): string {
  const open = text.indexOf("```");
  if (open < 0 || isPartOfLabel("```")) return text;
  const before = text.slice(0, open).trim();
  if (isAnswer(before)) return before;
  const line = text.indexOf("\n", open);
  const head = text.slice(open + 3, line < 0 ? text.length : line);
  const from = line >= 0 && /^[\w-]{0,32}\s{0,8}$/.test(head.slice(0, 40)) ? line + 1 : open + 3;
  const close = text.indexOf("```", from);
  const inside = text.slice(from, close < 0 ? text.length : close).trim();
  return inside === "" ? text.replaceAll("```", " ").trim() : inside;
}

const thoughtSteps: readonly Step[] = [
  finalChannel,
  ...thoughts.map(
    (tag): Step =>
      (text, notes, { isPartOfLabel, valueIn }) =>
        isPartOfLabel(tag.open) || isPartOfLabel(tag.close) ? text : withoutThinking(text, tag, notes, valueIn),
  ),
];
const reasoningSteps: readonly Step[] = [
  ...thoughtSteps,
  (text, notes, known) => withoutTurns(turns, text, notes, known),
];
const textSteps: readonly Step[] = [
  ...thoughtSteps,
  (text, notes, known) => withoutTurns(textTurns, text, notes, known),
  unwrapWhole,
];

const formSteps: readonly Step[] = [unwrapTags, unbox, withoutLatex, (text) => text.trim(), unfence];
