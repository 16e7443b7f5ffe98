import type { Note } from "./note.ts";
import { splitLabels } from "./split.ts";

const noun =
  "(?:answers?|diagnos[ei]s|labels?|output|predictions?|results?|impressions?|conclusions?|categor(?:y|ies)|class(?:es)?)";
const before =
  "(?:(?:so|thus|therefore|hence|the|my|your|most|likely|probable|possible|predicted|primary|main|overall|correct|expected|model|all|list|of|following|and),? )*";
const edge = "[\\s#>*_`-]*";
const tail = `(?: ?\\([^()\\n]{0,40}\\))?${"[*_`]*"}(?: (?:is|are|would be|includes?)\\b ?:?| ?[:：=])[*_\`]*`;
const heading = new RegExp(`^${edge}${before}${noun}${tail}`, "i");
const finalHeading = new RegExp(`^${edge}${before}final ${before}${noun}${tail}`, "i");
const markdownHeading = new RegExp(`^#+ ${before}(?:final )?${noun}[*_]*$`, "i");
const lead = /^(?:sure|certainly|of course|okay|ok|here|based on|given|according to|the following)\b[^:\n]{0,200}:/i;
const explanation =
  /^[\s#>*_`-]*(?:explanations?|reason(?:s|ing)?|rationale|justification|notes?|comments?|discussion|confidence)\b[*_]*\s?:/i;
const bullet = /^[-*+•‣◦–—·▪●➤►→✓✔✅☑](?:\s+|$)/;
const letter = /^\(?[a-hA-H]\)(?:\s+|$)/;
const ticked = /^\[[xX✓✔]\]\s+/;
const unticked = /^\[ \]\s/;
const number = /^(?:#+ )?[*_]{0,3}\(?(\d{1,3})[.):](?:\s+|$)/;

/** A piece without a bullet, number, letter or ticked box at its start; empty if its box is not ticked. */
export function withoutMarker(piece: string): string {
  const rest = piece.replace(bullet, "");
  if (unticked.test(rest)) return "";
  return rest.replace(number, "").replace(letter, "").replace(ticked, "");
}

/** The lines of an answer with labels, without headings, lead-ins, list markers and explanations. */
export function answerLines(text: string, notes: Set<Note>, known: ReadonlySet<string>, separator: string): string[] {
  if (known.has(text)) return [text];
  let lines = text.split(/\r\n|\r|\n/).flatMap((line) => numberedApart(line.trim()));
  const from = headingLine(lines);
  if (from) {
    notes.add("heading");
    if (lines.slice(0, from.line).some((line) => line !== "")) notes.add("extra-text");
    lines = [(lines[from.line] as string).slice(from.length).trim(), ...lines.slice(from.line + 1)];
  }
  const last = lines.findLastIndex((line) => line !== "");
  const isKnown = (line: string) => known.size > 0 && known.has(splitLabels(line, separator)[0] ?? "");
  const taken: string[] = [];
  let list: Marker | undefined;
  let blank = false;
  for (const [index, whole] of lines.entries()) {
    const line = taken.length === 0 ? afterLead(whole, notes) : whole;
    if (line === "" || /^[-*_=]{3,}$/.test(line)) {
      blank = taken.length > 0;
      continue;
    }
    if (explanation.test(line.slice(0, 100)) && !isKnown(line)) {
      notes.add("extra-text");
      break;
    }
    const marker = isKnown(line) ? undefined : markerOf(line);
    if (taken.length === 0) {
      if (line.endsWith(":") && index < last) {
        notes.add("heading");
        continue;
      }
      list = marker;
    } else if (list === undefined) {
      const opens = marker !== undefined && taken.length === 1 && /[.!:]$/.test(taken[0] as string);
      if (opens) {
        taken.length = 0;
        list = marker;
      }
      if (opens || blank || marker !== undefined) notes.add("extra-text");
      if (!opens && (blank || marker !== undefined)) break;
    } else if (!continues(list, marker)) {
      notes.add("extra-text");
      if (marker === undefined ? blank && list.kind === "bullet" : marker.kind === list.kind) break;
      continue;
    } else list = marker;
    blank = false;
    if (marker) taken.push(named(line, notes, known));
    else taken.push(isKnown(line) ? line : upToSentence(line, notes));
  }
  if (list && taken.length > 1) notes.add("list");
  return taken;
}

/** Splits "1. A 2. B 3. C" into lines if the numbers count up from 1. */
function numberedApart(line: string): string[] {
  if (!/^\(?1[.)]\s/.test(line)) return [line];
  const starts = [0];
  const next = /\s\(?(\d{1,2})[.)]\s/g;
  for (let found = next.exec(line); found !== null; found = next.exec(line)) {
    if (Number(found[1]) === starts.length + 1) starts.push(found.index + 1);
  }
  return starts.map((start, at) => line.slice(start, starts[at + 1]).trim());
}

type Marker = { readonly kind: "bullet" } | { readonly kind: "number"; readonly value: number };

function markerOf(line: string): Marker | undefined {
  const value = number.exec(line)?.[1];
  if (value !== undefined) return { kind: "number", value: Number(value) };
  return bullet.test(line) ? { kind: "bullet" } : undefined;
}

/**
 * Whether a line continues a list: a bullet after a bullet, a larger number after a number. Other lines explain
 * entries.
 */
function continues(list: Marker, marker: Marker | undefined): boolean {
  if (list.kind === "bullet") return marker?.kind === "bullet";
  return marker?.kind === "number" && marker.value > list.value;
}

/**
 * "A, B. The report says that ..." up to the full stop. A short rest is kept, because labels may contain full stops.
 */
function upToSentence(line: string, notes: Set<Note>): string {
  const stop = line.search(/(?<=[\p{Ll})])\. (?=\p{Lu})/u);
  if (stop < 0 || words(line.slice(stop + 2)) <= 4) return line;
  notes.add("extra-text");
  return line.slice(0, stop);
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
  const entry = withoutMarker(line);
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

/** Number of words. */
export function words(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}
