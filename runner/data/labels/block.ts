import { answerHeading, headingLength, isExplanation, withoutLead } from "./heading.ts";
import { continues, type Marker, markerOf, numberedApart, withoutMarker } from "./marker.ts";
import type { Note } from "./note.ts";
import { knownMarker, type Reading, readPiece } from "./piece.ts";
import { isSentence, words } from "./sentence.ts";
import { labelPieces } from "./split.ts";
import { statement } from "./stated.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The lines of an answer with labels, without headings, lead-ins, list markers and explanations. */
export function answerLines(text: string, notes: Set<Note>, vocabulary: Vocabulary, separator: string): string[] {
  const isKnown = (line: string): boolean => {
    if (vocabulary.isEmpty) return false;
    const [first = ""] = labelPieces(line, separator);
    return vocabulary.hasForm(first) || vocabulary.hasForm(line);
  };
  const indents: number[] = [];
  let lines = text.split(/\r\n|\r|\n/).flatMap((line) => {
    const own = line.trim();
    const parts = numberedApart(vocabulary.begins(">") ? own : own.replace(/^>\s?/, ""));
    for (const _ of parts) indents.push(line.length - line.trimStart().length);
    return parts;
  });
  const fits = (line: string): boolean =>
    labelPieces(line, separator).every((piece) => isFitting(readPiece(piece, vocabulary, true), piece, vocabulary));
  const begin = lines.find((line) => line !== "") ?? "";
  const from = answerHeading(lines, isKnown);
  if (from && (from.isFinal || vocabulary.isEmpty || !fits(begin) || headingLength(begin) !== undefined)) {
    notes.add("heading");
    if (lines.slice(0, from.line).some((line) => line !== "")) notes.add("extra-text");
    lines = [(lines[from.line] as string).slice(from.length).trim(), ...lines.slice(from.line + 1)];
    indents.splice(0, from.line);
  }
  const last = lines.findLastIndex((line) => line !== "");
  const taken: string[] = [];
  let list: Marker | undefined;
  let blank = false;
  let indent = 0;
  for (const [index, whole] of lines.entries()) {
    const line = taken.length === 0 && !isKnown(whole) ? withoutLead(whole, notes) : whole;
    if (line === "" || (/^[-*_=]{3,}$/.test(line) && !vocabulary.has(line))) {
      blank = taken.length > 0;
      continue;
    }
    const isNested = list !== undefined && (indents[index] as number) > indent && markerOf(line) !== undefined;
    if (isNested && !fits(withoutMarker(line))) {
      notes.add("extra-text");
      continue;
    }
    if (!isKnown(line) && isExplanation(line)) {
      notes.add("extra-text");
      if (taken.length === 0) continue;
      break;
    }
    if (taken.length > 0 && nextCase.test(line) && !isKnown(line)) {
      notes.add("extra-text");
      break;
    }
    const marker = isKnown(line) ? undefined : markerOf(line);
    if (taken.length === 0) {
      if (/[:：]$/.test(line) && index < last && !isKnown(line)) {
        notes.add("heading");
        continue;
      }
      list = marker;
      indent = indents[index] as number;
    } else if (list === undefined) {
      const opens =
        marker !== undefined && taken.length === 1 && /[.!:]$/.test(taken[0] as string) && !fits(taken[0] as string);
      if (opens) {
        taken.length = 0;
        list = marker;
        notes.add("extra-text");
      } else if (marker !== undefined || (blank && !isFurther(line, taken, vocabulary, fits))) {
        notes.add("extra-text");
        break;
      }
    } else if (!continues(list, marker)) {
      if (marker === undefined && fits(line) && !vocabulary.isEmpty) {
        taken.push(line);
        continue;
      }
      notes.add("extra-text");
      if (marker === undefined ? blank && list.kind === "bullet" : marker.kind === list.kind) break;
      continue;
    } else list = marker;
    blank = false;
    taken.push(marker ? named(line, notes, vocabulary) : line);
  }
  if (list && taken.length > 1) notes.add("list");
  return taken;
}

/** Where a model continues with a case of its own. */
const nextCase =
  /^(?:#+ |\*\*)?(?:question|report|input|text|user|human|q|instruction|example|case)(?: \d+)?(?:\*\*)?\s?[:：]/i;

function isFitting(reading: Reading, piece: string, vocabulary: Vocabulary): boolean {
  if (vocabulary.isEmpty) return false;
  return vocabulary.find(piece) !== undefined || (reading.kind === "labels" && reading.explains !== undefined);
}

/** Whether a line after a blank one has labels as the lines before it do. */
function isFurther(
  line: string,
  taken: readonly string[],
  vocabulary: Vocabulary,
  fits: (line: string) => boolean,
): boolean {
  if (!vocabulary.isEmpty && fits(line)) return true;
  if (statement(line) !== undefined && taken.every((one) => statement(one) !== undefined)) return true;
  if (!vocabulary.isEmpty && taken.every(fits)) return false;
  const isName = (one: string): boolean => words(one) <= 8 && !/[.!?:：。]$/.test(one) && !isSentence(one);
  return isName(line) && taken.every(isName);
}

/** Of a list entry "1. **Name**: reason" or "- Name - a longer reason", the name. */
function named(line: string, notes: Set<Note>, vocabulary: Vocabulary): string {
  if (vocabulary.find(line) !== undefined) return line;
  const entry = withoutMarker(line);
  if (knownMarker(line, vocabulary) !== undefined) return line;
  if (statement(entry) !== undefined) return entry;
  const colon = entry.search(/[*_]{0,3}[:：][*_]{0,3}(?:\s|$)/);
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
