import { withoutMarker } from "./marker.ts";
import { isNone } from "./none.ts";
import { endMarks } from "./punctuation.ts";
import { quotes } from "./quotes.ts";
import { isClause, isSentence, words } from "./sentence.ts";
import { negated, statement } from "./stated.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What a piece of an answer is. "nothing": it is empty, or says that a label does not apply. */
export type Reading =
  | {
      readonly kind: "labels";
      readonly labels: readonly string[] /** The text that explains the label goes on after this piece. */;
      readonly explains?: "piece" | "rest";
    }
  | { readonly kind: "none" }
  | { readonly kind: "absent" }
  | { readonly kind: "nothing" }
  | { readonly kind: "clause" }
  | { readonly kind: "sentence" };

/** Reads one piece of a list of labels. A label of the vocabulary is preferred to every other reading. */
export function readPiece(piece: string, vocabulary: Vocabulary, isOneOfSeveral: boolean): Reading {
  const known = vocabulary.find(piece);
  if (known !== undefined) return { kind: "labels", labels: [known] };
  const label = clean(piece, isOneOfSeveral);
  if (label === "") return { kind: "nothing" };
  if (isNone(label)) return { kind: "none" };
  const valued = vocabulary.isEmpty ? undefined : labelledValue(label, vocabulary);
  if (valued !== undefined) return { kind: "labels", labels: valued };
  const stated = statement(label);
  if (stated !== undefined) {
    const name = vocabulary.find(stated.name) ?? clean(stated.name, false);
    if (isNone(name)) return { kind: stated.applies ? "none" : "nothing" };
    if (!stated.applies) return { kind: "absent" };
    if (vocabulary.find(name) !== undefined || !isSentence(name)) return { kind: "labels", labels: [name] };
  }
  const parts = knownParts(label, vocabulary);
  if (parts !== undefined) return { kind: "labels", labels: parts };
  const explained = knownStart(piece.trim(), vocabulary) ?? knownStart(label, vocabulary);
  if (explained !== undefined) return { kind: "labels", ...explained };
  if (negated(label, vocabulary) !== undefined) return { kind: "absent" };
  const marker = knownMarker(piece, vocabulary);
  if (marker !== undefined) return { kind: "labels", labels: [marker], explains: "rest" };
  if (isClause(label)) return { kind: "clause" };
  if (isSentence(label)) return { kind: "sentence" };
  return { kind: "labels", labels: [label] };
}

/** Of "Tone: negative" and "Tone — negative" the labels after the key, if the key is no label of the study. */
function labelledValue(label: string, vocabulary: Vocabulary): readonly string[] | undefined {
  const mark = /[:：]|\s[-–—]+\s/.exec(label.slice(0, 60));
  if (!mark?.index || vocabulary.find(label.slice(0, mark.index)) !== undefined) return undefined;
  const value = label.slice(mark.index + mark[0].length);
  const found = vocabulary.find(value);
  return found === undefined ? knownParts(value, vocabulary) : [found];
}

/** "A and B", "A; B", "A | B", "A / B" as A, B if both are labels of the study and the whole is not. */
function knownParts(label: string, vocabulary: Vocabulary): readonly string[] | undefined {
  if (vocabulary.isEmpty || label.length > 2000) return undefined;
  for (const between of [conjunction, attachedConjunction]) {
    const parts = label
      .split(between)
      .map((part) => part.trim())
      .filter((part) => part !== "");
    const found = parts.map((part) => vocabulary.find(part));
    if (parts.length > 1 && found.every((part) => part !== undefined)) return found;
  }
  return undefined;
}

const spaced =
  ",?\\s(?:and|&|und|et|y|e|as well as|plus|och|og|ja|en|dan|ve|và|oraz|и|та|και|और|و)\\s|[;|；｜，、،؛,\\n·•・①-⑳]|\\/";
const conjunction = new RegExp(`${spaced}|\\s?和\\s?`, "iu");
/** Also words that are written without a space after them, and can begin or end a label. */
const attachedConjunction = new RegExp(
  `${spaced}|\\s?(?:和|与|與|及び|および|及|と|및|와|과|และ)\\s?|\\sو|\\sו(?=\\p{L})`,
  "iu",
);

const explanation =
  /\s?\(|\s\[|\s[-–—→]+>?\s|[:：]|,?\s(?:because|since|due to|based on|given|which|as (?:the|it|there|seen)|with (?:a )?confidence)\s/gi;

/** Of "Renal cyst (3 cm, left)" or "Renal cyst - as described" the label; "Renal cyst (possible)" is a label itself. */
function knownStart(
  label: string,
  vocabulary: Vocabulary,
): { readonly labels: readonly string[]; readonly explains: "piece" | "rest" } | undefined {
  if (vocabulary.isEmpty) return undefined;
  explanation.lastIndex = 1;
  let longest: { readonly label: string; readonly rest: string } | undefined;
  for (let tries = 0; tries < 4; tries++) {
    const mark = explanation.exec(label);
    if (mark === null) break;
    const found = vocabulary.find(label.slice(0, mark.index));
    if (found !== undefined) longest = { label: found, rest: label.slice(mark.index).trim() };
  }
  if (longest === undefined || /^[([]\p{L}+(?: \p{L}+)?[)\]]$/u.test(longest.rest)) return undefined;
  return { labels: [longest.label], explains: /^[([]/.test(longest.rest) ? "piece" : "rest" };
}

/** Of "B) Pneumonia" and "2. Moderate" the marker, if it is a label of the study. */
export function knownMarker(piece: string, vocabulary: Vocabulary): string | undefined {
  if (vocabulary.isEmpty) return undefined;
  const marker = /^[\s(*_[]{0,8}([^\s().:*\]]{1,24})[).:\]]{1,3}[*_]{0,3}\s/.exec(piece.slice(0, 60))?.[1];
  return marker === undefined ? undefined : vocabulary.find(marker);
}

/** `[A, B]` and `"A, B"` are lists too; `[left] A`, `A [left]` and `"A", "B"` are not wrapped. */
export function unwrap(line: string): string {
  const open = line[0] ?? "";
  const close = open === "[" ? "]" : quotes[open];
  if (close === undefined || line.length < 2 || line.indexOf(close, 1) !== line.length - 1) return line;
  return line.slice(1, -1);
}

const isStop = (character: string): boolean => !":!?".includes(character) && endMarks.has(character);

/** One label without list markers, Markdown, quotes and final full stops. */
function clean(piece: string, isOneOfSeveral: boolean): string {
  if (piece.length > 600) return piece;
  let text = piece.trim();
  for (;;) {
    let next = withoutMarker(text).replace(/^#+ /, "").trim();
    let stop = next.length;
    while (stop > 0 && isStop(next[stop - 1] as string)) stop--;
    next = next.slice(0, stop);
    if (next.length > 1 && quotes[next[0] as string] === next.at(-1)) next = next.slice(1, -1);
    else if (next === "*" || next === "_" || next === '"') next = "";
    else if (next.startsWith("**") || next.startsWith("__")) next = next.slice(2);
    else if (next.endsWith("**") || next.endsWith("__")) next = next.slice(0, -2);
    if (isOneOfSeveral) next = next.replace(/^(?:and|&)\s+/i, "");
    next = next.trim();
    if (next === text) return words(text) === 0 ? "" : text;
    text = next;
  }
}
