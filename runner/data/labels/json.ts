import { type Loose, readLoosely } from "./loose-json.ts";
import { flagOf } from "./stated.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The labels in the JSON of an answer. */
export type JsonItems = {
  /** Items of arrays and keys of objects: each is one label. */
  readonly items: readonly string[];
  /** A text that lists labels: `{"labels": "a, b"}`. */
  readonly texts: readonly string[];
  readonly truncated: boolean;
  /** Whether there is text before or after the values. */
  readonly around: boolean;
};

/** Values that are tried until one has labels. */
const mostTries = 16;

/**
 * The labels in the first JSON value of an answer that has some; values without text between them count together.
 * "unreadable": the whole answer is JSON without labels. undefined: the answer has no JSON with labels.
 */
export function jsonItems(text: string, vocabulary: Vocabulary): JsonItems | "unreadable" | undefined {
  const start =
    /(?:[[{]|\((?=["'“]))(?=[\s[{(]{0,64}(?:["“'\]}0-9-]|(?:true|false|null|none)\b|[\p{L}_][\p{L}\p{N}_ ]{0,40}['"]?\s?[:：]))/giu;
  for (let tries = 0; tries < mostTries; tries++) {
    const from = start.exec(text)?.index;
    if (from === undefined) return undefined;
    if (from > 0 && !/[\s:：=`]/.test(text[from - 1] as string)) continue;
    if (
      /^\[\s{0,8}-?\d/.test(text.slice(from, from + 12)) &&
      !/(?:^|[:：=])\s{0,8}$/.test(text.slice(0, from).slice(-9))
    )
      continue;
    const found = valuesAt(text, from, vocabulary);
    if (found === undefined) continue;
    const { end, ...labels } = found;
    const before = text.slice(0, from).trim() !== "";
    const after = /[^\s.`]/.test(text.slice(end));
    const around = before || after;
    const isAnswer = !around || (!after && /[:：=]\s{0,8}$/.test(text.slice(0, from).slice(-9)));
    if (
      labels.items.length > 0 ||
      labels.texts.length > 0 ||
      (labels.isEmpty && !labels.truncated && (isAnswer || !labels.isBareList))
    )
      return { items: labels.items, texts: labels.texts, truncated: labels.truncated, around };
    if (!around) return "unreadable";
    start.lastIndex = end;
  }
  return undefined;
}

type Values = Found & {
  readonly end: number;
  readonly truncated: boolean;
  /** The value is an empty list without a key. */
  readonly isBareList: boolean;
};

/** The values from an offset on that only white space and commas separate. */
function valuesAt(text: string, from: number, vocabulary: Vocabulary): Values | undefined {
  const total: Found = { items: [], texts: [], isEmpty: false };
  let end = from;
  let truncated = false;
  let isBareList = false;
  for (let at = from; ; ) {
    const read = readLoosely(text, at);
    if (read === undefined || (read.truncated && text.slice(0, at).trim() !== "" && at === from)) break;
    const { value } = read;
    if (text[at] === "(" && !Array.isArray(value)) break;
    add(total, labelsOf(value, vocabulary));
    isBareList ||= Array.isArray(value) && value.length === 0;
    ({ end, truncated } = read);
    at = end;
    while (at < text.length && /[\s,]/.test(text[at] as string)) at++;
    if (truncated || (text[at] !== "{" && text[at] !== "[")) break;
  }
  return end === from ? undefined : { ...total, end, truncated, isBareList };
}

type Found = { readonly items: string[]; readonly texts: string[]; isEmpty: boolean };

function add(to: Found, more: Found): void {
  for (const one of more.items) to.items.push(one);
  for (const one of more.texts) to.texts.push(one);
  to.isEmpty ||= more.isEmpty;
}

const answerKeys: readonly RegExp[] = [
  /^final[ _-]?(?:answer|labels?|diagnos[ei]s|output|prediction|classification|decision)$/,
  /^(?:predicted|assigned|applicable|selected|matching|correct|all|primary|main)?[ _-]?(?:labels?|tags?|categor(?:y|ies)|class(?:es)?|diagnos[ei]s|findings?|conditions?|codes?|topics?|intents?|sentiment)(?:[ _-]?(?:list|names?))?$/,
  /^(?:answers?|predictions?|results?|outputs?|classifications?|impressions?|conclusions?|choices?|options?|response|decision)$/,
  /^(?:arguments|parameters|input|data|content|items|values?)$/,
  /^(?:name|label_name|title|disease|text)$/,
];
const rankedKey =
  /^(?:primary|main|secondary|other|additional)(?:[ _-](?:labels?|diagnos[ei]s|findings?|categor(?:y|ies)|conditions?))?$/;
const otherKey =
  /^(?:reason(?:s|ing)?|explanations?|rationale|justifications?|thoughts?|thinking|analysis|evidence|comments?|notes?|summary|descriptions?|id|type|role|status|confidence|scores?|probabilit(?:y|ies)|location|severity|quote|span|language|model|step_by_step|chain_of_thought)$/;
const flagKey = /^(?:present|value|status|answer|applies|detected|positive|presence|found|label|prediction|result)$/;

/** Labels of a value: strings of arrays, the answer of an object, keys of an object that flags labels. */
function labelsOf(value: Loose, vocabulary: Vocabulary): Found {
  const found: Found = { items: [], texts: [], isEmpty: false };
  if (value === null) found.isEmpty = true;
  else if (typeof value === "string") found.texts.push(value);
  else if (typeof value === "boolean") {
    if (vocabulary.find(String(value)) !== undefined) found.items.push(String(value));
  } else if (Array.isArray(value)) {
    if (value.length === 0) found.isEmpty = true;
    for (const item of value as readonly Loose[]) {
      if (typeof item === "string") found.items.push(item);
      else add(found, labelsOf(item, vocabulary));
    }
  } else add(found, ofObject(value as ReadonlyMap<string, Loose>, vocabulary));
  return found;
}

function ofObject(object: ReadonlyMap<string, Loose>, vocabulary: Vocabulary): Found {
  const keyed = [...object].map(([key, value]) => ({ key, name: nameOf(key, vocabulary), value }));
  const known = keyed.filter(({ name }) => vocabulary.find(name) !== undefined);
  const answer = answerOf(keyed);
  // Of {"label": "a"} the value counts, also if "label" is a label itself.
  if (
    typeof answer?.value === "string" &&
    vocabulary.find(answer.name) !== undefined &&
    vocabulary.has(answer.value.trim())
  )
    return { items: [answer.value.trim()], texts: [], isEmpty: false };
  if (known.length === 0 || known.length * 2 < keyed.length) {
    const ranked = keyed.filter(({ key }) => rankedKey.test(key.toLowerCase()));
    if (ranked.length > 1) {
      const all: Found = { items: [], texts: [], isEmpty: false };
      for (const { value } of ranked) add(all, labelsOf(value, vocabulary));
      return all;
    }
    if (answer !== undefined) {
      const flag = keyed.find(({ key, value }) => flagKey.test(key.toLowerCase()) && typeof value === "boolean");
      if (flag?.value === false && answer.key !== flag.key) return { items: [], texts: [], isEmpty: true };
      const found = labelsOf(answer.value, vocabulary);
      return typeof answer.value === "string" && answer.isName ? { ...found, items: found.texts, texts: [] } : found;
    }
  }
  const flagged = keyed.map(({ name, value }) => ({ name, applies: flagIn(value) }));
  if (keyed.length > 0 && flagged.every(({ applies }) => applies !== undefined)) return chosen(flagged);
  if (known.length > 0) {
    return chosen(known.map(({ name, value }) => ({ name, applies: flagIn(value) ?? hasContent(value) })));
  }
  const others = keyed.filter(({ key }) => !otherKey.test(key.toLowerCase()));
  const only = others.length === 1 ? others[0]?.value : undefined;
  const lists = others.filter(({ value }) => Array.isArray(value) || value instanceof Map);
  if (only !== undefined && only !== null && typeof only !== "boolean") return labelsOf(only, vocabulary);
  if (lists.length === 1) return labelsOf(lists[0]?.value as Loose, vocabulary);
  return { items: [], texts: [], isEmpty: object.size === 0 };
}

type Keyed = { readonly key: string; readonly name: string; readonly value: Loose };

/** The entry whose key names the answer. */
function answerOf(keyed: readonly Keyed[]): (Keyed & { readonly isName: boolean }) | undefined {
  for (const [rank, keys] of answerKeys.entries()) {
    const found = keyed.find(({ key }) => keys.test(key.toLowerCase()));
    if (found !== undefined) return { ...found, isName: rank === answerKeys.length - 1 };
  }
  return undefined;
}

function chosen(flagged: readonly { readonly name: string; readonly applies: boolean | undefined }[]): Found {
  const items = flagged.filter(({ applies }) => applies).map(({ name }) => name);
  return { items, texts: [], isEmpty: items.length === 0 };
}

/** Whether a value says that its key applies: true, 1, "present", {"present": true}. */
function flagIn(value: Loose): boolean | undefined {
  if (value === null) return false;
  if (!(value instanceof Map)) return flagOf(value);
  for (const [key, inner] of value as ReadonlyMap<string, Loose>) {
    if (flagKey.test(key.toLowerCase())) return flagOf(inner);
  }
  return undefined;
}

function hasContent(value: Loose): boolean {
  return !(value === "" || (Array.isArray(value) && value.length === 0));
}

/** A key as a label: "renal_cyst" is "renal cyst" if that is a label. */
function nameOf(key: string, vocabulary: Vocabulary): string {
  if (vocabulary.find(key) !== undefined) return key;
  const spaced = key.replaceAll("_", " ");
  return vocabulary.find(spaced) === undefined ? key : spaced;
}
