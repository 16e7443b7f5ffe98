import { jsonItems } from "./json.ts";
import { distinct, splitLabels } from "./split.ts";

/** What was odd about an answer. */
export type Note =
  | "empty"
  | "think"
  | "residue"
  | "heading"
  | "list"
  | "json"
  | "none"
  | "truncated"
  | "repeated"
  | "several"
  | "extra-text"
  | "prose"
  | "refusal";

/** How the answers of a study are read. */
export type ParseOptions = {
  /** What stands between two labels. */
  readonly separator: string;
  /** single_label keeps the first label alone. */
  readonly task: "label_set" | "single_label";
  /** Labels of the training rows as written: such a piece is kept as it is, even if it reads "None" or is very long. */
  readonly known?: ReadonlySet<string>;
  /** How generation ended; "length" adds the note "truncated". */
  readonly finish?: string | undefined;
};

/** An answer as a set of labels. `parsed` is false when none could be read, and the set is then empty. */
export type ParsedAnswer = {
  readonly labels: readonly string[];
  readonly parsed: boolean;
  readonly notes: readonly Note[];
};

/** A longer piece is prose and not a label, unless it is known. UTF-16 units, words. */
const longest = { characters: 300, words: 30 };

/**
 * Reads a model's answer. In this order:
 * 1. `<think>` blocks go, unclosed ones with all that follows; so does what stands before a lone `</think>`.
 * 2. Chat residue goes: special tokens, a role at the start, a next turn at the end.
 * 3. JSON is taken where there is some: array, object with an array, objects in an array, also in a fence or cut short.
 * 4. The text after the last "Final answer:", else after the first "Diagnosis:", "Answer:", "Labels:" …, else all of it.
 * 5. Its first block: a list with bullets or numbers (of "1. Name: reason" the name), or lines up to a blank one or to "Explanation:".
 * 6. Pieces between separators (brackets hold together), without markers, markdown, quotes, a leading "and", trailing full stops.
 * 7. "none", "no abnormality", "normal" and the like are the empty set.
 * Reading the labels that it gives, joined by the separator, gives the same labels. It takes linear time and never throws.
 */
export function parseAnswer(text: string, options: ParseOptions): ParsedAnswer {
  const first = readOnce(text, options);
  const separator = options.separator === "\n" ? "\n" : `${options.separator} `;
  let labels = first.labels;
  for (let again = 0; again < 8 && labels.length > 0; again++) {
    const next = readOnce(labels.join(separator), options).labels;
    if (next.length === labels.length && next.every((label, index) => label === labels[index])) break;
    labels = next;
  }
  return labels === first.labels ? first : { ...first, labels, parsed: labels.length > 0 };
}

/** What is left may look like residue again ("- Sure, here: A"), which is why there is a second reading. */
function readOnce(text: string, options: ParseOptions): ParsedAnswer {
  const notes = new Set<Note>();
  if (options.finish === "length") notes.add("truncated");
  const known = options.known ?? new Set<string>();
  const answer = unfence(withoutResidue(withoutThinking(text, notes), notes).trim());
  const json = known.has(answer) ? undefined : jsonItems(answer);
  let lines: string[];
  if (json) {
    notes.add("json");
    if (json.truncated) notes.add("truncated");
    if (json.around) notes.add("extra-text");
    lines = json.items.map((item) => item.replace(/\s+/g, " "));
  } else if (refusal.test(answer.slice(0, 80))) {
    return { labels: [], parsed: false, notes: [...notes, "refusal"] };
  } else lines = block(answer, notes, known, options.separator);

  let none = json !== undefined && json.items.length === 0;
  const labels: string[] = [];
  const inText = lines.flatMap((line) =>
    known.has(line.trim()) ? [line.trim()] : splitLabels(unwrap(line.trim()), options.separator),
  );
  for (const piece of inText) {
    const label = known.has(piece) ? piece : clean(piece, inText.length > 1);
    if (label === "") continue;
    if (known.has(label)) labels.push(label);
    else if (nothing.test(label)) none = true;
    else if (label.length > longest.characters || words(label) > longest.words) notes.add("prose");
    else labels.push(label);
  }
  const set = distinct(labels);
  if (set.length < labels.length) notes.add("repeated");
  if (options.task === "single_label" && set.length > 1) {
    notes.add("several");
    set.length = 1;
  }
  if (none && set.length === 0) notes.add("none");
  else if (set.length === 0 && text.trim() === "") notes.add("empty");
  return { labels: set, parsed: set.length > 0 || none, notes: [...notes] };
}

const refusal =
  /^(i['’]m sorry|i am sorry|sorry,|i apologi[sz]e|i cannot |i can['’]t |i am unable|i['’]m unable|as an ai\b)/i;

const nothing =
  /^(none|nil|null|n\/?a|not applicable|nothing|empty|normal|unremarkable|no|none of the above|(there (is|are) )?no(ne| (significant |acute |relevant |definite |specific |other |clear |evident |obvious )?(abnormality|abnormalities|abnormal findings?|findings?|disease|diseases|pathology|diagnosis|diagnoses|labels?))( (is |are )?(identified|found|detected|seen|present|noted|applicable|identified|apply|applies))?)$/i;

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

function withoutResidue(text: string, notes: Set<Note>): string {
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

const noun =
  "(?:answers?|diagnos[ei]s|labels?|output|predictions?|results?|impressions?|conclusions?|categor(?:y|ies)|class(?:es)?)";
const before =
  "(?:(?:so|thus|therefore|hence|the|my|your|most|likely|probable|possible|predicted|primary|main|overall|correct|expected|model|all|list|of|following|and),? )*";
const edge = "[\\s#>*_`-]*";
const tail = `(?: ?\\([^()\\n]{0,40}\\))?${"[*_`]*"}(?: (?:is|are|would be|includes?)\\b ?:?| ?[:：])[*_\`]*`;
const heading = new RegExp(`^${edge}${before}${noun}${tail}`, "i");
const finalHeading = new RegExp(`^${edge}${before}final ${before}${noun}${tail}`, "i");
const markdownHeading = new RegExp(`^#+ ${before}(?:final )?${noun}[*_]*$`, "i");
const lead = /^(?:sure|certainly|of course|okay|ok|here|based on|given|according to|the following)\b[^:\n]{0,200}:/i;
const explanation =
  /^[\s#>*_`-]*(?:explanations?|reason(?:s|ing)?|rationale|justification|notes?|comments?|discussion|confidence)\b[*_]*\s?:/i;
const marker = /^(?:[-*+•‣◦–—·▪●]|\(?\d{1,3}[.):])(?:\s+|$)/;

/** The lines that hold the answer. */
function block(text: string, notes: Set<Note>, known: ReadonlySet<string>, separator: string): string[] {
  if (known.has(text)) return [text];
  let lines = text.split(/\r\n|\r|\n/).map((line) => line.trim());
  const from = headingLine(lines);
  if (from) {
    notes.add("heading");
    if (lines.slice(0, from.line).some((line) => line !== "")) notes.add("extra-text");
    lines = [(lines[from.line] as string).slice(from.length).trim(), ...lines.slice(from.line + 1)];
  }
  const taken: string[] = [];
  let marked = false;
  let blank = false;
  for (const [index, whole] of lines.entries()) {
    const line = taken.length === 0 ? afterLead(whole, notes) : whole;
    if (line === "" || /^[-*_=]{3,}$/.test(line)) {
      blank = taken.length > 0;
      continue;
    }
    const isMarked = marker.test(line) && !(known.size > 0 && known.has(splitLabels(line, separator)[0] ?? ""));
    if (taken.length === 0) {
      if (line.endsWith(":") && lines.slice(index + 1).some((next) => next !== "")) {
        notes.add("heading");
        continue;
      }
      if (explanation.test(line.slice(0, 100))) break;
      marked = isMarked;
    } else if (isMarked && !marked && taken.length === 1 && /[.!:]$/.test(taken[0] as string)) {
      notes.add("extra-text");
      taken.length = 0;
      marked = true;
    } else if (explanation.test(line.slice(0, 100)) || (marked ? !isMarked : blank || isMarked)) {
      notes.add("extra-text");
      break;
    }
    blank = false;
    taken.push(isMarked ? named(line, notes, known) : line);
  }
  if (marked && taken.length > 1) notes.add("list");
  return taken;
}

function headingLine(lines: readonly string[]): { line: number; length: number } | undefined {
  let first: { line: number; length: number } | undefined;
  let last: { line: number; length: number } | undefined;
  for (const [line, text] of lines.entries()) {
    const begin = text.slice(0, 200);
    const found = finalHeading.exec(begin) ?? markdownHeading.exec(begin);
    if (found && /final/i.test(found[0])) last = { line, length: found[0].length };
    if (first) continue;
    const any = heading.exec(begin) ?? found;
    if (any) first = { line, length: any[0].length };
  }
  return last ?? first;
}

function afterLead(line: string, notes: Set<Note>): string {
  const found = lead.exec(line.slice(0, 260));
  if (!found) return line;
  notes.add("heading");
  return line.slice(found[0].length).trim();
}

/** Of a list entry "1. **Name**: reason" or "- Name - a longer reason", the name. */
function named(line: string, notes: Set<Note>, known: ReadonlySet<string>): string {
  const entry = line.replace(marker, "");
  if (known.has(entry)) return entry;
  const colon = entry.search(/[*_]{0,3}:[*_]{0,3}(?:\s|$)/);
  if (colon > 0) {
    if (colon + 1 < entry.length) notes.add("extra-text");
    return entry.slice(0, colon);
  }
  const dash = entry.search(/ [-–—] /);
  if (dash > 0 && words(entry.slice(dash + 3)) > 3) {
    notes.add("extra-text");
    return entry.slice(0, dash);
  }
  return entry;
}

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

/** One label without what models put around it. */
function clean(piece: string, oneOfSeveral: boolean): string {
  if (piece.length > 2 * longest.characters) return piece;
  let text = piece;
  for (;;) {
    let next = text.replace(/^#+ /, "").replace(marker, "").trim();
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

function words(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}
