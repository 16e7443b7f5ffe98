import type { Note } from "./parse.ts";

/** The answer of a chat model without thoughts, special tokens, roles, further turns and fences. */
export function withoutResidue(text: string, notes: Set<Note>): string {
  return unfence(withoutTurns(withoutThinking(text, notes), notes).trim());
}

function withoutThinking(text: string, notes: Set<Note>): string {
  const kept: string[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf("<think>", at);
    if (open < 0) break;
    notes.add("think");
    kept.push(text.slice(at, open));
    const close = text.indexOf("</think>", open);
    if (close < 0) {
      notes.add("truncated");
      at = text.length;
      break;
    }
    at = close + "</think>".length;
  }
  const rest = kept.join("\n") + (kept.length > 0 ? "\n" : "") + text.slice(at);
  const lone = rest.lastIndexOf("</think>");
  if (lone < 0) return rest;
  notes.add("think");
  return rest.slice(lone + "</think>".length);
}

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
