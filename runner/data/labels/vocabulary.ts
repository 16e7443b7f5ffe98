import { basicForm } from "./basic.ts";
import { withoutBullet, withoutMarker, withoutNumber } from "./marker.ts";
import { endMarks } from "./punctuation.ts";
import { quotes } from "./quotes.ts";
import { splitLabels } from "./split.ts";

/** The labels of the training rows, and how they are found in pieces of an answer. */
export class Vocabulary {
  private readonly labels: ReadonlySet<string>;
  private readonly forms: ReadonlySet<string>;
  private readonly starts: ReadonlySet<string>;
  private readonly longest: number;
  private joined: string | undefined;

  constructor(labels: ReadonlySet<string>) {
    this.labels = labels;
    this.forms = new Set([...labels].map(basicForm).filter((form) => form !== ""));
    this.starts = new Set([...labels].map((label) => label.slice(0, 1)));
    this.longest = [...labels].reduce((most, label) => Math.max(most, label.length), 0);
  }

  get isEmpty(): boolean {
    return this.labels.size === 0;
  }

  /** Whether a text is a label as the training rows write it. */
  has(text: string): boolean {
    return this.labels.has(text);
  }

  /** Whether a label begins with a mark. */
  begins(mark: string): boolean {
    return this.starts.has(mark);
  }

  /** Whether a text has the basic form of a label. */
  hasForm(text: string): boolean {
    return text.length <= 2 * this.longest + 8 && this.forms.has(basicForm(text));
  }

  /**
   * The labels that a text lists, if every piece is exactly a label: at the separator, or one on each line. An empty
   * separator gives the whole text only.
   */
  listed(text: string, separator: string): readonly string[] | undefined {
    if (this.isEmpty) return undefined;
    const whole = text.trim();
    const pieces = splitLabels(whole, separator);
    if (pieces.length > 1 && pieces.every((piece) => this.labels.has(piece))) return pieces;
    if (this.labels.has(whole)) return [whole];
    if (pieces.length === 1 && this.labels.has(pieces[0] as string)) return pieces;
    if (separator === "") return undefined;
    const lines = whole.split(/[\r\n]+/).map((line) => line.trim());
    return lines.length > 1 && lines.every((line) => this.labels.has(line)) ? lines : undefined;
  }

  /** Whether a text is a part of a label. */
  isPart(text: string): boolean {
    this.joined ??= [...this.labels].join("\n");
    return this.joined.includes(text);
  }

  /**
   * The label that a text is exactly, without what surrounds it: quotes, Markdown, brackets, list markers, articles,
   * "Option". Of several the one with the least around it.
   */
  exact(text: string): string | undefined {
    if (this.isEmpty || text.length > this.longest + 80) return undefined;
    const forms = new Set([text.trim()]);
    for (const form of forms) {
      if (this.labels.has(form)) return form;
      if (forms.size > 32) continue;
      for (const next of peels(form)) forms.add(next);
    }
    return undefined;
  }

  /**
   * The label that a piece is, without what surrounds it. A label that fits exactly is preferred to one whose basic
   * form fits.
   */
  find(piece: string): string | undefined {
    if (this.isEmpty || piece.length > 2 * this.longest + 80) return undefined;
    const exact = this.exact(piece);
    if (exact !== undefined) return exact;
    const forms: string[] = [];
    let text = piece.trim();
    for (let step = 0; step < 16; step++) {
      forms.push(text);
      const next = peels(text).find((one) => one !== text && one !== "");
      if (next === undefined) break;
      text = next;
    }
    const found = forms.find((form) => this.hasForm(form));
    return found === undefined ? undefined : forms.findLast((form) => basicForm(form) === basicForm(found));
  }
}

const known = new WeakMap<ReadonlySet<string>, Vocabulary>();

/** The vocabulary of a set of labels; one for each set. */
export function vocabularyOf(labels: ReadonlySet<string>): Vocabulary {
  let vocabulary = known.get(labels);
  if (vocabulary === undefined) {
    vocabulary = new Vocabulary(labels);
    known.set(labels, vocabulary);
  }
  return vocabulary;
}

const pairs: Readonly<Record<string, string>> = {
  ...quotes,
  $: "$",
  "(": ")",
  "[": "]",
  "{": "}",
  "<": ">",
  "『": "』",
  "【": "】",
  "《": "》",
};
const before = /^(?:and|or|&|plus|a|an|the|option|choice|label|class|category|answer)(?:\s*[:：#]\s*|\s+)/i;

const after = /\s(?:sentiment|category|label|class|topic|intent|review|text|message|ticket)$/i;
/** Pictures around a label, except those that deny it. */
const picture =
  /^(?!❌|🚫|⛔)(?:\p{Extended_Pictographic}|\ufe0f|\u200d)+\s?|\s?(?<![❌🚫⛔])(?:(?![❌🚫⛔])\p{Extended_Pictographic}|\ufe0f|\u200d){1,16}$/gu;

/**
 * Characters without width: direction marks, joiners, byte order marks. They can be part of a text, not surround it.
 */
const invisible = "[\\u00ad\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]";
const invisibleStart = new RegExp(`^${invisible}+\\s*`);
const invisibleEnd = new RegExp(`(?<!${invisible})${invisible}{1,16}$`);
const arrow = /^(?:[-=]{0,2}>|→|⇒|➜|[:：=])\s*/;

/** A text without each of its outermost wrappings; the most usual one first. The text itself where it lacks one. */
function peels(text: string): readonly string[] {
  const all: string[] = [
    text.replace(invisibleStart, "").replace(invisibleEnd, "").trim(),
    ...withoutEnd(text),
    text.replace(arrow, ""),
  ];
  if (text.length > 2 && pairs[text[0] as string] === text.at(-1)) all.push(text.slice(1, -1).trim());
  const latex = /^\\[a-z]+\{(.*)\}$/is.exec(text);
  if (latex) all.push((latex[1] as string).trim());
  if (text.length > 1) {
    if (/^[*_#`"]/.test(text)) all.push(text.slice(1).trim());
    if (/[*_`"]$/.test(text)) all.push(text.slice(0, -1).trim());
    if (/[)\]]$/.test(text) && !/[([]/.test(text)) all.push(text.slice(0, -1).trim());
  }
  all.push(withoutBullet(text).trim(), withoutNumber(text).trim(), withoutMarker(text).trim());
  all.push(text.replace(before, ""), text.replace(after, ""));
  return all;
}

const isEnd = (character: string): boolean =>
  character !== "?" && (" ；：！".includes(character) || endMarks.has(character));

/** A text without pictures around it, and without one or all characters of punctuation at its end. */
function withoutEnd(text: string): readonly string[] {
  const plain = text.replace(picture, "");
  let end = text.length;
  while (end > 1 && isEnd(text[end - 1] as string)) end--;
  const all = end === text.length ? [] : [text.slice(0, end), text.slice(0, -1)];
  return plain === "" ? all : [plain, ...all];
}
