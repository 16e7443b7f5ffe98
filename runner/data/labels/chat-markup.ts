import type { Note } from "./note.ts";

/**
 * The answer of a chat model without thoughts, special tokens, roles, further turns, answer tags and fences. It stops
 * as soon as `isAnswer` holds for what remains.
 */
export function withoutChatMarkup(text: string, notes: Set<Note>, isAnswer: (text: string) => boolean): string {
  return removed([...reasoningSteps, ...formSteps], text, notes, isAnswer);
}

function removed(steps: readonly Step[], text: string, notes: Set<Note>, isAnswer: (text: string) => boolean): string {
  let rest = text;
  for (const step of steps) {
    if (isAnswer(rest)) return rest;
    rest = step(rest, notes, isAnswer);
  }
  return rest.trim();
}

/** The answer of a chat model without thoughts, special tokens, roles and further turns. It stops as soon as `isAnswer` holds. */
export function withoutReasoning(text: string, notes: Set<Note>, isAnswer: (text: string) => boolean): string {
  return removed(reasoningSteps, text, notes, isAnswer);
}

type Step = (text: string, notes: Set<Note>, isAnswer: (text: string) => boolean) => string;

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

function withoutThinking(text: string, { open: opening, close: closing }: Tag, notes: Set<Note>): string {
  if (!text.includes(opening) && !text.includes(closing)) return text;
  const kept: string[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf(opening, at);
    if (open < 0) break;
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
  const lone = rest.lastIndexOf(closing);
  if (lone < 0) return rest;
  notes.add("think");
  return rest.slice(lone + closing.length);
}

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
const role = /^\s{0,64}(?:assistant|model|bot|ai)\s{0,8}(?::|\n|$|(?=<\|))/i;
const end =
  /<\|[^|<>\n]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|<\/s>|<eos>|<end_of_turn>|<start_of_turn>|\[INST\]|\n\s{0,8}(?:user|human|system|assistant)[ \t]{0,8}:?[ \t]{0,8}(?=\n|$)|\n\s{0,8}(?:User|Human):/;

function withoutTurns(text: string, notes: Set<Note>, isAnswer: (text: string) => boolean): string {
  let rest = text;
  for (let turn = 0; turn < 8; turn++) {
    const begin = rest.slice(0, 200);
    const found = start.exec(begin) ?? role.exec(begin);
    if (!found || isAnswer(rest)) break;
    notes.add("residue");
    rest = rest.slice(found[0].length);
  }
  const stop = end.exec(rest);
  if (!stop || isAnswer(rest)) return rest;
  notes.add("residue");
  return rest.slice(0, stop.index);
}

const tags = ["final_answer", "answer", "labels", "diagnoses", "diagnosis", "output", "result", "response"];

/** The content of the last `<answer>…</answer>`, closed or not, and of every `<label>…</label>` in it. */
function unwrapTags(text: string, notes: Set<Note>): string {
  let rest = text;
  for (const tag of tags) {
    const at = rest.lastIndexOf(`<${tag}>`);
    if (at < 0) continue;
    notes.add("residue");
    const from = at + tag.length + 2;
    const to = rest.indexOf(`</${tag}>`, from);
    rest = rest.slice(from, to < 0 ? rest.length : to);
  }
  for (const tag of ["label", "item", "tag", "category"]) {
    const [, ...parts] = rest.split(`<${tag}>`);
    if (parts.length === 0) continue;
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
function unfence(text: string, _: Set<Note>, isAnswer: (text: string) => boolean): string {
  const open = text.indexOf("```");
  if (open < 0) return text;
  const before = text.slice(0, open).trim();
  if (isAnswer(before)) return before;
  const line = text.indexOf("\n", open);
  const head = text.slice(open + 3, line < 0 ? text.length : line);
  const from = line >= 0 && /^[\w-]{0,32}\s{0,8}$/.test(head.slice(0, 40)) ? line + 1 : open + 3;
  const close = text.indexOf("```", from);
  const inside = text.slice(from, close < 0 ? text.length : close).trim();
  return inside === "" ? text.replaceAll("```", " ").trim() : inside;
}

const reasoningSteps: readonly Step[] = [
  finalChannel,
  ...thoughts.map(
    (tag): Step =>
      (text, notes) =>
        withoutThinking(text, tag, notes),
  ),
  withoutTurns,
];

const formSteps: readonly Step[] = [unwrapTags, unbox, withoutLatex, (text) => text.trim(), unfence];
