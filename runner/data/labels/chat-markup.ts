import type { Note } from "./note.ts";

/** The answer of a chat model without thoughts, special tokens, roles, further turns, answer tags and fences. */
export function withoutChatMarkup(text: string, notes: Set<Note>): string {
  const thought = thoughts.reduce((rest, tag) => withoutThinking(rest, tag, notes), finalChannel(text, notes));
  return unfence(unwrapAnswer(withoutTurns(thought, notes), notes).trim());
}

type Tag = { readonly open: string; readonly close: string };

/** How models mark what they think before they answer. */
const thoughts: readonly Tag[] = [
  ...["think", "thinking", "thought", "reasoning", "scratchpad"].map((name) => ({
    open: `<${name}>`,
    close: `</${name}>`,
  })),
  { open: "[THINK]", close: "[/THINK]" },
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

/** Of an answer in channels, what follows the last "final" one. */
function finalChannel(text: string, notes: Set<Note>): string {
  const mark = "<|channel|>final<|message|>";
  const at = text.lastIndexOf(mark);
  if (at < 0) return text;
  notes.add("residue");
  return text.slice(at + mark.length);
}

/** The content of the last `<answer>…</answer>` or `\\boxed{…}`, closed or not. */
function unwrapAnswer(text: string, notes: Set<Note>): string {
  for (const { open, close } of wrappers) {
    const at = text.lastIndexOf(open);
    if (at < 0) continue;
    notes.add("residue");
    const from = at + open.length;
    const to = text.indexOf(close, from);
    return text.slice(from, to < 0 ? text.length : to);
  }
  return text;
}

const wrappers: readonly Tag[] = [
  { open: "<answer>", close: "</answer>" },
  { open: "\\boxed{", close: "}" },
];

const start = /^\s*(?:<\|im_start\|>|<\|start_header_id\|>|<s>|<bos>|<\|begin_of_text\|>|\[\/INST\]|<start_of_turn>)/;
const role =
  /^\s*(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>)?\s*(?:assistant|model)\s*(?:<\|end_header_id\|>|:|\n|$)/i;
const end =
  /<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end|eom_id|start_header_id|user|assistant|system)\|>|<\/s>|<eos>|<end_of_turn>|<start_of_turn>|\[INST\]|\n\s{0,8}(?:user|human|system|assistant)[ \t]{0,8}:?[ \t]{0,8}(?=\n|$)|\n\s{0,8}(?:User|Human):/;

function withoutTurns(text: string, notes: Set<Note>): string {
  let rest = text;
  for (let turn = 0; turn < 8; turn++) {
    const found = role.exec(rest.slice(0, 200)) ?? start.exec(rest.slice(0, 200));
    if (!found) break;
    notes.add("residue");
    rest = rest.slice(found[0].length);
  }
  const stop = end.exec(rest);
  if (!stop) return rest;
  notes.add("residue");
  return rest.slice(0, stop.index);
}

/** The first fenced block's content, if the answer has one; a lone fence is dropped. */
function unfence(text: string): string {
  const open = text.indexOf("```");
  if (open < 0) return text;
  const line = text.indexOf("\n", open);
  const head = text.slice(open + 3, line < 0 ? text.length : line);
  const from = line >= 0 && /^[\w-]*\s*$/.test(head.slice(0, 40)) ? line + 1 : open + 3;
  const close = text.indexOf("```", from);
  const inside = text.slice(from, close < 0 ? text.length : close).trim();
  return inside === "" ? text.replaceAll("```", " ").trim() : inside;
}
