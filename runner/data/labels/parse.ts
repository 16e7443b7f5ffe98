import { answerLines } from "./block.ts";
import { withoutChatMarkup } from "./chat-markup.ts";
import { answerHeading, headingLength } from "./heading.ts";
import { jsonItems } from "./json.ts";
import type { Note } from "./note.ts";
import { type Reading, readPiece, unwrap } from "./piece.ts";
import { isSentence, sentences, words } from "./sentence.ts";
import { distinct, labelPieces } from "./split.ts";
import { tableLabels } from "./table.ts";
import { type Vocabulary, vocabularyOf } from "./vocabulary.ts";

/** How the answers of a study are parsed. */
export type ParseOptions = {
  /** The text between two labels. */
  readonly separator: string;
  /** Whether an answer has one label: the first one is kept. */
  readonly isSingle?: boolean;
  /** Labels of the training rows as written. Such a piece is a label whatever it looks like. */
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

/** What a part of an answer says. */
type Found = { readonly labels: string[]; none: boolean };

type Context = {
  readonly vocabulary: Vocabulary;
  readonly separator: string;
  readonly isSingle: boolean;
  readonly notes: Set<Note>;
};

const noLabels: ReadonlySet<string> = new Set();

/**
 * Parses the answer of a model. docs/explanation/answer-parsing.md has the rules and their order. A text that lists
 * labels of the training rows, as targets are written, is read before any other rule. Takes linear time and does not
 * throw.
 */
export function parseAnswer(text: string, options: ParseOptions): ParsedAnswer {
  const { separator, isSingle = false } = options;
  const vocabulary = vocabularyOf(options.known ?? noLabels);
  const notes = new Set<Note>();
  if (options.finish === "length") notes.add("truncated");
  const listed = (part: string): readonly string[] | undefined => vocabulary.listed(part, isSingle ? "" : separator);
  const isList = (part: string): boolean =>
    !isSingle && labelPieces(part, separator).filter((piece) => vocabulary.exact(piece) !== undefined).length > 1;
  /** The one label that a text has, without a heading before it. */
  const only = (part: string): string | undefined => {
    if (vocabulary.isEmpty || isList(part)) return undefined;
    const plain = part.trim();
    const heading = plain.slice(0, headingLength(plain) ?? 0);
    const starts = [0, heading.replace(/[\s*_`]{1,16}$/, "").length, heading.length];
    return starts.map((start) => vocabulary.exact(plain.slice(start))).find((label) => label !== undefined);
  };
  const answer = withoutChatMarkup(text, notes, {
    isAnswer: (part) => listed(part) !== undefined,
    isLabel: (part) => only(part) !== undefined,
    isPartOfLabel: (part) => vocabulary.isPart(part),
  });
  const known = listed(answer) ?? only(answer);
  const found: Found =
    known === undefined
      ? readText(answer, { vocabulary, separator, isSingle, notes })
      : { labels: [known].flat(), none: false };

  const set = distinct(found.labels);
  if (set.length < found.labels.length) notes.add("repeated");
  if (isSingle && set.length > 1) {
    notes.add("several");
    set.length = 1;
  }
  const isEmpty = found.none && set.length === 0;
  if (isEmpty) notes.add("none");
  else if (set.length === 0 && text.trim() === "") notes.add("empty");
  return { labels: set, parsed: set.length > 0 || isEmpty, notes: [...notes] };
}

const refusal =
  /^(?:i['’]m sorry|i am sorry|sorry\b|i apologi[sz]e|i cannot |i can['’]t |i am unable|i['’]m unable|i am not able|i['’]m not able|unable to |i don['’]t know|i do not know|as an ai\b|(?:there is )?(?:not enough|insufficient) information|cannot (?:be )?determined?|no (?:idea|answer)\b|(?:please|could you) (?:provide|share)|the report is not provided)/i;

function readText(answer: string, context: Context): Found {
  const { notes, vocabulary, separator } = context;
  const final = afterFinalHeading(answer, context);
  for (const part of final === undefined ? [answer] : [final, answer]) {
    const json = jsonItems(part, vocabulary);
    if (json === "unreadable") {
      notes.add("json").add("prose");
      return { labels: [], none: false };
    }
    if (json !== undefined) {
      notes.add("json");
      if (json.truncated) notes.add("truncated");
      if (json.around) notes.add("extra-text");
      return joined(
        [...json.items.map((item) => readItem(item, context)), ...json.texts.map((one) => readValue(one, context))],
        true,
      );
    }
    const table = tableLabels(part, vocabulary);
    if (table !== undefined) {
      notes.add("list");
      if (table.around) notes.add("extra-text");
      return joined(
        table.labels.map((label) => readItem(label, context)),
        true,
      );
    }
  }
  if (
    refusal.test(answer.slice(0, 80)) &&
    vocabulary.find(sentences(answer.split("\n", 1)[0] as string)[0] ?? "") === undefined
  ) {
    notes.add("refusal");
    return { labels: [], none: false };
  }
  const lines = answerLines(answer, notes, vocabulary, separator).map((line) => readLine(line, context));
  const found = joined(lines, false);
  if (found.labels.length > 0 || found.none || answer.trim() === "") return found;
  const last = readSentences(answer, context);
  if (last !== undefined) notes.add("extra-text").delete("prose");
  return last ?? found;
}

/** `isWhole`: an empty list says that there are no labels. */
function joined(parts: readonly Found[], isWhole: boolean): Found {
  return {
    labels: parts.flatMap(({ labels }) => labels),
    none: (isWhole && parts.length === 0) || parts.some(({ none }) => none),
  };
}

/** The text after the last "Final answer:" at the start of a line. */
function afterFinalHeading(answer: string, { vocabulary }: Context): string | undefined {
  if (!/final|最终/i.test(answer)) return undefined;
  const lines = answer.split(/\r\n|\r|\n/).map((line) => line.trim());
  const from = answerHeading(lines, (line) => vocabulary.has(line));
  if (!from?.isFinal) return undefined;
  return [(lines[from.line] as string).slice(from.length), ...lines.slice(from.line + 1)].join("\n").trim();
}

/** An item of a list in JSON or a cell of a table: one label, unless every part of it is a label of the study. */
function readItem(item: string, context: Context): Found {
  const { vocabulary, separator } = context;
  const text = item.replace(/\s+/g, " ").trim();
  if (vocabulary.has(item.trim())) return { labels: [item.trim()], none: false };
  const pieces = labelPieces(text, separator);
  const isList = pieces.length > 1 && pieces.every((piece) => vocabulary.find(piece) !== undefined);
  return take(isList ? pieces : [text], context);
}

/** A text value in JSON that lists labels. */
function readValue(text: string, context: Context): Found {
  const lines = answerLines(text, context.notes, context.vocabulary, context.separator);
  return joined(
    lines.map((line) => readLine(line, context)),
    text.trim() === "",
  );
}

/** The labels of a line; sentences after them are left out. */
function readLine(whole: string, context: Context): Found {
  const { vocabulary, separator, isSingle, notes } = context;
  const line = whole.trim();
  const known = vocabulary.find(line);
  const isKnownList = (part: string): boolean =>
    labelPieces(part, separator).every((piece) => vocabulary.find(piece) !== undefined);
  if (known !== undefined && (isSingle || !line.includes(separator) || !isKnownList(line)))
    return { labels: [known], none: false };
  const [first = "", ...more] = sentences(line);
  if (more.length === 0) return readList(line, context);
  const found = readList(first, context);
  const rest = more.join(" ");
  const isList = found.none || labelPieces(first, separator).every((piece) => isReadable(piece, vocabulary));
  if (!isList && words(first) > 4 && isSentence(rest)) {
    notes.add("prose");
    return { labels: [], none: false };
  }
  if (isList || words(rest) > 4 || isSentence(rest)) {
    const further = more.findIndex((sentence) => vocabulary.isEmpty || !isKnownList(sentence));
    const kept = further < 0 ? more : more.slice(0, further);
    if (kept.length < more.length) notes.add("extra-text");
    return joined([found, ...kept.map((sentence) => readList(sentence, context))], false);
  }
  return readList(line, context);
}

function isReadable(piece: string, vocabulary: Vocabulary): boolean {
  if (vocabulary.isEmpty) return false;
  const { kind } = readPiece(piece, vocabulary, true);
  return kind === "absent" || kind === "none" || vocabulary.find(piece) !== undefined;
}

const alike: Readonly<Record<string, RegExp>> = { ",": /[，、،﹐]/, ";": /；/, "|": /｜/ };

/** The labels of a list on one line. */
function readList(line: string, context: Context): Found {
  const { vocabulary, separator } = context;
  const plain = unwrap(line);
  const pieces = labelPieces(plain, separator).filter((piece) => piece !== "");
  const others = alike[separator];
  const split = pieces.flatMap((piece) => {
    if (vocabulary.find(piece) !== undefined) return [piece];
    if (others?.test(piece)) return piece.split(others);
    const isOther = pieces.length === 1 && vocabulary.isEmpty && /[;|]/.test(piece);
    return isOther ? piece.split(/[;|]/) : [piece];
  });
  const apart = split.filter((piece) => piece.trim() !== "");
  return take(vocabulary.isEmpty ? apart : withWholeLabels(apart, context), context);
}

/** Labels that contain the separator are most often this many pieces. */
const mostPieces = 6;

/** Pieces with neighbours joined if together they are a label and alone they are not. */
function withWholeLabels(pieces: readonly string[], { vocabulary, separator }: Context): readonly string[] {
  const between = /\s$/.test(separator) ? separator : `${separator} `;
  const isKnown = pieces.map((piece) => vocabulary.find(piece) !== undefined);
  if (isKnown.every(Boolean)) return pieces;
  const joined: string[] = [];
  for (let at = 0; at < pieces.length; ) {
    let taken = 1;
    for (let size = Math.min(mostPieces, pieces.length - at); size > 1; size--) {
      if (isKnown.slice(at, at + size).every(Boolean)) continue;
      if (vocabulary.find(pieces.slice(at, at + size).join(between)) === undefined) continue;
      taken = size;
      break;
    }
    joined.push(pieces.slice(at, at + taken).join(between));
    at += taken;
  }
  return joined;
}

function take(pieces: readonly string[], { vocabulary, notes }: Context): Found {
  const found: Found = { labels: [], none: false };
  const readings = pieces.map((piece) => readPiece(piece, vocabulary, pieces.length > 1));
  // "No A, B or C" denies all of them.
  if (readings[0]?.kind === "absent" && /^(?:or|nor)\s/i.test((pieces.at(-1) ?? "").trim())) {
    found.none = true;
    return found;
  }
  let isExplanation = false;
  for (const [at, reading] of readings.entries()) {
    if (isExplanation && vocabulary.find(pieces[at] as string) === undefined && !isExplained(reading)) continue;
    if (reading.kind === "labels") {
      isExplanation = reading.explains === "rest";
      if (reading.explains !== undefined) notes.add("extra-text");
      for (const label of reading.labels) found.labels.push(label);
    } else if (reading.kind === "none") found.none = true;
    else if (reading.kind === "absent") {
      found.none = true;
      notes.add("extra-text");
    } else if (reading.kind !== "nothing") {
      notes.add(found.labels.length > 0 ? "extra-text" : "prose");
      if (at === 0 || reading.kind === "clause") break;
      if (found.labels.length > 0) break;
    }
  }
  return found;
}

function isExplained(reading: Reading): boolean {
  return reading.kind === "labels" && reading.explains !== undefined;
}

/** Prose longer than this many sentences is read from its end only. */
const mostSentences = 40;

/**
 * The answer that prose states: "... The correct label is A." A sentence that only mentions labels counts if it ends in
 * labels of the study, denies nothing, and has at most one sentence next to it.
 */
function readSentences(answer: string, context: Context): Found | undefined {
  const all = answer
    .slice(-20_000)
    .split(/[\r\n]+/)
    .flatMap((line) => sentences(line.trim()))
    .slice(-mostSentences);
  for (const sentence of all.toReversed()) {
    const length = headingLength(sentence);
    if (length === undefined) continue;
    const found = readLine(sentence.slice(length), context);
    if (found.labels.length > 0 || found.none) return found;
  }
  if (all.length > 2) return undefined;
  for (const sentence of all) {
    const labels = endOf(sentence, context);
    if (labels !== undefined) return { labels, none: false };
  }
  return undefined;
}

const carrier =
  /\s(?:is|are|be|as|describes?|shows?|indicates?|suggests?|contains?|has|have|includes?|to|under|of|choose|select|pick|confirms?|represents?|expresses|with|labels?)(?=\s)/gi;
const doubt =
  /\b(?:not|no|nor|neither|without|never|cannot|absent|absence|unlikely|excluded?|ruled? out|rather than|instead|if|could|might|may|unclear|or|versus|vs)\b|n['’]t\b/i;

/** The labels in which a sentence ends: "The report describes A and B." Labels of one or two letters fit exactly. */
function endOf(sentence: string, { vocabulary, separator }: Context): string[] | undefined {
  if (vocabulary.isEmpty || sentence.length > 400 || doubt.test(sentence)) return undefined;
  const marked = [...sentence.matchAll(/["“*`]{1,3}([^"“”*`]{1,200})["”*`]{1,3}/g)].map(([, label = ""]) =>
    vocabulary.find(label),
  );
  const isEach = (label: string | undefined): label is string => label !== undefined;
  if (marked.length > 0 && marked.every(isEach)) return marked;
  for (const mark of sentence.matchAll(carrier)) {
    const rest = sentence.slice(mark.index + mark[0].length);
    const readings = labelPieces(rest, separator).map((piece) => readPiece(piece, vocabulary, true));
    const labels = readings.flatMap((reading) => (reading.kind === "labels" ? reading.labels : [""]));
    if (labels.every((label) => (label.length <= 2 ? vocabulary.has(label) : vocabulary.find(label) !== undefined)))
      return labels;
  }
  return undefined;
}
